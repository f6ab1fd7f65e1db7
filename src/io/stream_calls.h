// SPDX-License-Identifier: Apache-2.0
//
// Calls on streams as objects for perform() and perform_async(): see call.h. What they refer to
// (arrays of parts, buffers) must live until they have ended.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include <weft/socket.h>

#include "base/fd.h"
#include "io/call.h"
#include "io/message_ops.h"

namespace weft::io {

/// How many parts go into one system call; they lie on the stack.
inline constexpr std::size_t parts_at_once = 64;

class vectored_read : public single_call {
public:
    static constexpr const char* operation = "readv";

    vectored_read(poll_descriptor* from, std::span<const std::span<std::byte>> parts) noexcept
        : single_call(from, direction::read), parts_(parts) {}

    std::int64_t attempt() noexcept;
    static result<std::size_t> finish(std::int64_t outcome) noexcept;

private:
    std::span<const std::span<std::byte>> parts_;
};

class vectored_write : public single_call {
public:
    static constexpr const char* operation = "writev";

    vectored_write(poll_descriptor* to, std::span<const std::span<const std::byte>> parts) noexcept
        : single_call(to, direction::write), parts_(parts) {}

    std::int64_t attempt() noexcept;
    static result<void> finish(std::int64_t outcome) noexcept;

private:
    void advance(std::size_t written) noexcept;

    std::span<const std::span<const std::byte>> parts_;  // what is left
    std::size_t written_ = 0;                            // of the first
};

class exact_read : public single_call {
public:
    static constexpr const char* operation = "read_exactly";

    exact_read(poll_descriptor* from, std::span<std::byte> bytes) noexcept
        : single_call(from, direction::read), left_(bytes) {}

    std::int64_t attempt() noexcept;
    [[nodiscard]] result<void> finish(std::int64_t outcome) const noexcept;

private:
    std::span<std::byte> left_;
    bool ended_ = false;
};

/// Bytes on their way from a place that is read to one that is written.
class relay_buffer {
public:
    /// False when memory is out.
    bool make() noexcept;
    [[nodiscard]] bool made() const noexcept { return bytes_ != nullptr; }

    [[nodiscard]] bool empty() const noexcept { return begin_ == end_; }
    /// All of it; it is empty.
    [[nodiscard]] std::span<std::byte> room() const noexcept { return {bytes_.get(), size}; }
    void filled(std::size_t count) noexcept {
        begin_ = 0;
        end_ = count;
    }

    /// Writes what it holds: 0 when it is empty, or an errno value, negated.
    std::int64_t drain_to(poll_descriptor& to) noexcept;

private:
    static constexpr std::size_t size = 64 * 1024;

    std::unique_ptr<std::byte[]> bytes_;
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
};

class file_send : public single_call {
public:
    static constexpr const char* operation = "send_file";

    file_send(poll_descriptor* to, int file, std::uint64_t offset, std::uint64_t length) noexcept
        : single_call(to, direction::write),
          file_(file),
          offset_(static_cast<off_t>(offset)),
          left_(length) {}

    int begin() noexcept;
    std::int64_t attempt() noexcept;
    [[nodiscard]] result<std::uint64_t> finish(std::int64_t outcome) const noexcept;

private:
    std::int64_t attempt_by_reading() noexcept;

    int file_;
    off_t offset_;
    std::uint64_t left_;
    std::uint64_t sent_ = 0;
    relay_buffer buffer_;  // once the kernel has refused to do it alone
};

class stream_copy {
public:
    static constexpr const char* operation = "copy_stream";

    stream_copy(poll_descriptor* from, poll_descriptor* to) noexcept : from_(from), to_(to) {}

    int begin() noexcept;
    void end() noexcept;
    std::int64_t attempt() noexcept;
    [[nodiscard]] blocking_place waits_for() const noexcept;
    [[nodiscard]] result<std::uint64_t> finish(std::int64_t outcome) const noexcept;

private:
    int prepare() noexcept;
    std::int64_t attempt_by_reading() noexcept;

    poll_descriptor* from_;
    poll_descriptor* to_;
    base::unique_fd pipe_out_;
    base::unique_fd pipe_in_;
    std::size_t in_pipe_ = 0;
    std::uint64_t copied_ = 0;
    relay_buffer buffer_;  // where there is no pipe to be had, or no way to splice
};

class descriptor_send : public single_call {
public:
    static constexpr const char* operation = "send_descriptors";

    descriptor_send(poll_descriptor* to, std::span<const int> descriptors,
                    std::span<const std::byte> bytes) noexcept
        : single_call(to, direction::write), descriptors_(descriptors), left_(bytes) {}

    int begin() noexcept;
    std::int64_t attempt() noexcept;
    static result<void> finish(std::int64_t outcome) noexcept;

private:
    std::int64_t attempt_with_descriptors() noexcept;

    std::span<const int> descriptors_;  // empty once they are sent
    std::span<const std::byte> left_;
};

class descriptor_receive : public single_call {
public:
    static constexpr const char* operation = "receive_descriptors";

    descriptor_receive(poll_descriptor* from, std::span<std::byte> bytes) noexcept
        : single_call(from, direction::read), bytes_(bytes) {}

    int begin() noexcept;
    std::int64_t attempt() noexcept;
    result<received_descriptors> finish(std::int64_t outcome) noexcept;

private:
    void take(const msghdr& message) noexcept;

    std::span<std::byte> bytes_;
    received_descriptors received_;
};

}  // namespace weft::io
