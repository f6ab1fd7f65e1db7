// SPDX-License-Identifier: Apache-2.0
//
// transport: a connected stream, plain or under TLS: what both sides of the pooler are made of.
// One reader and one writer at a time, as with weft::socket.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <utility>

#include <weft/error.h>
#include <weft/select.h>
#include <weft/socket.h>
#include <weft/time.h>
#include <weft/tls.h>

namespace weft::pool {

class transport {
public:
    /// Closed.
    transport() noexcept = default;
    explicit transport(socket connected) noexcept : plain_(std::move(connected)) {}

    /// Encrypts from now on; nothing may have been read ahead. After a failure explain() says why.
    result<void> start_tls(const tls_context& with, std::string server_name, deadline until);

    /// After start_tls() has timed out.
    result<void> go_on_with_tls(deadline until);

    /// At least one byte; 0: the peer has ended the stream.
    result<std::size_t> read(std::span<char> into, deadline until = {});
    /// Until read() would not wait. Under TLS only.
    result<void> wait_for_tls(deadline until) const;
    /// All of it.
    result<void> write(std::string_view bytes, deadline until = {});
    /// As much as goes without waiting; 0: nothing does, wait until it is writable. Under TLS it
    /// waits, `until` at most, and writes all: what is encrypted cannot be taken back.
    result<std::size_t> write_some(std::string_view bytes, deadline until);

    /// Ends whoever waits, from any fiber. Idempotent.
    void close() noexcept;
    [[nodiscard]] bool is_open() const noexcept { return raw().is_open(); }
    [[nodiscard]] bool encrypted() const noexcept { return encrypted_; }
    [[nodiscard]] const tls_socket& tls() const noexcept { return tls_; }
    /// To read from without this. Not under TLS.
    [[nodiscard]] socket& plain() noexcept { return plain_; }
    /// The socket under it, for addresses and options.
    [[nodiscard]] const socket& raw() const noexcept {
        return encrypted() ? tls_.transport() : plain_;
    }

private:
    socket plain_;  // closed while tls_ has it
    tls_socket tls_;
    bool encrypted_ = false;
};

/// Which of two transports a fiber waits for, and in which direction.
struct readiness {
    bool read_first = false;
    bool write_first = false;
    bool read_second = false;
    bool write_second = false;
    bool other = false;  ///< the case that is waited for beside them was taken
};

/// Waits until one of the wanted calls would not wait, or `other`, if there is one, is taken. The
/// same structure with what is ready: one at a time. std::errc::timed_out.
result<readiness> wait_for_either(const transport& first, const transport& second, readiness wanted,
                                  deadline until, select_case* other = nullptr);

/// Whether something can be read now: also an end or an error. One system call.
bool has_something(const transport& from) noexcept;

}  // namespace weft::pool
