// SPDX-License-Identifier: Apache-2.0
//
// control_channel: messages between the orchestrator and the processes it started, each one JSON
// object on a line, over a socket pair. Blocking with a deadline; one thread at a time.
//
// The peer is a process of the same program, but one that may die in the middle of a line or be
// poisoned on purpose: whatever comes is an error at worst, never a crash, and a line has a limit.
// Shared memory was rejected: a reader cannot tell a dead writer from a slow one.
#pragma once

#include <cstddef>
#include <string>
#include <utility>

#include <nlohmann/json.hpp>

#include <weft/error.h>
#include <weft/time.h>

namespace weft::lab {

class control_channel {
public:
    /// The longest line: histograms of a busy phase are some 100 KB.
    static constexpr std::size_t longest_line = std::size_t{8} << 20;

    /// Takes the descriptor over; -1: none.
    explicit control_channel(int fd = -1) noexcept : fd_(fd) {}
    control_channel(control_channel&& other) noexcept
        : fd_(std::exchange(other.fd_, -1)), buffer_(std::move(other.buffer_)) {}
    control_channel& operator=(control_channel&& other) noexcept;
    ~control_channel() { close(); }

    /// Two connected ends, both closed on exec.
    static result<std::pair<control_channel, control_channel>> make_pair();

    result<void> send(const nlohmann::json& message);

    /// Whether it was sent. For what the peer need not hear: if it is gone, receive() says so.
    bool tell(const nlohmann::json& message) { return send(message).has_value(); }

    /// The next message. Errors: std::errc::timed_out; errc::unexpected_end_of_stream when the
    /// peer is gone; std::errc::bad_message for what is no JSON object;
    /// std::errc::message_size for a line beyond the limit.
    result<nlohmann::json> receive(deadline until = {});

    /// Whether receive() has a whole line already: poll() would wait for more for ever.
    [[nodiscard]] bool has_line() const noexcept { return buffer_.find('\n') != std::string::npos; }

    [[nodiscard]] int fd() const noexcept { return fd_; }
    void close() noexcept;

private:
    result<void> fill(deadline until);

    int fd_ = -1;
    std::string buffer_;
};

}  // namespace weft::lab
