// SPDX-License-Identifier: Apache-2.0
//
// The descriptors of connections stay in blocking mode: fibers pass MSG_DONTWAIT, plain threads do
// not, so that both pay one system call for each read and write and a socket can go from one to the
// other without a change. A descriptor that came in non-blocking mode from outside works, too: then
// a plain thread polls. What is no socket (pipes) is always in non-blocking mode.
#include "io/byte_stream.h"

#include <sys/socket.h>

#include <cerrno>

#include "base/error.h"
#include "io/socket_ops.h"
#include "io/wait.h"
#include "sched/current.h"

namespace weft::io {

namespace {

result<std::size_t> to_result(ssize_t n) noexcept {
    if (n < 0) [[unlikely]] {
        return base::fail(static_cast<int>(-n), "read");
    }
    return static_cast<std::size_t>(n);
}

ssize_t read_on_fiber(poll_descriptor& d, std::span<std::byte> bytes, deadline until) noexcept {
    for (;;) {
        const ssize_t n = try_read(d, bytes);
        if (n != -EAGAIN) {
            let_others_run(d);
            return n;
        }
        if (const int error = park_until_ready(d, direction::read, until)) {
            return last_try(d, direction::read, error, [&] { return try_read(d, bytes); });
        }
    }
}

ssize_t read_on_thread(poll_descriptor& d, std::span<std::byte> bytes, deadline until) noexcept {
    bool drained = false;
    const bool try_first = may_block(until) || d.proto() == protocol::no_socket;
    for (;;) {
        ssize_t n = -EAGAIN;
        if (try_first) {
            n = receive(d, bytes, 0, drained);
            if (n != -EAGAIN) {
                return n;
            }
        }
        if (const int error = block_until_ready(d, direction::read, until)) {
            return error;
        }
        n = receive(d, bytes, MSG_DONTWAIT, drained);
        if (n != -EAGAIN) {
            return n;
        }
    }
}

int write_on_fiber(poll_descriptor& d, std::span<const std::byte> bytes, deadline until) noexcept {
    for (;;) {
        const ssize_t n = try_write(d, bytes);
        if (n == static_cast<ssize_t>(bytes.size())) [[likely]] {
            let_others_run(d);
            return 0;
        }
        if (n >= 0) {
            bytes = bytes.subspan(static_cast<std::size_t>(n));
        } else if (n != -EAGAIN) {
            return static_cast<int>(n);
        } else if (const int error = park_until_ready(d, direction::write, until)) {
            const ssize_t last =
                last_try(d, direction::write, error, [&] { return try_write(d, bytes); });
            if (last < 0) {
                return static_cast<int>(last);
            }
            bytes = bytes.subspan(static_cast<std::size_t>(last));
            if (bytes.empty()) {
                return 0;
            }
        }
    }
}

int write_on_thread(poll_descriptor& d, std::span<const std::byte> bytes, deadline until) noexcept {
    const int flags = may_block(until) ? 0 : MSG_DONTWAIT;
    for (;;) {
        const ssize_t n = transmit(d, bytes, flags);
        if (n == static_cast<ssize_t>(bytes.size())) [[likely]] {
            return 0;
        }
        if (n >= 0) {
            bytes = bytes.subspan(static_cast<std::size_t>(n));
        } else if (n != -EAGAIN) {
            return static_cast<int>(n);
        } else if (const int error = block_until_ready(d, direction::write, until)) {
            return error;
        }
    }
}

}  // namespace

result<std::size_t> read_some(poll_descriptor* from, std::span<std::byte> bytes, deadline until) {
    if (from == nullptr) [[unlikely]] {
        return base::fail(EBADF, "read");
    }
    const use call(*from, direction::read);
    if (call.error() != 0) [[unlikely]] {
        return base::fail(call.error(), "read");
    }
    if (bytes.empty()) [[unlikely]] {
        return 0;
    }
    return to_result(sched::on_fiber() ? read_on_fiber(*from, bytes, until)
                                       : read_on_thread(*from, bytes, until));
}

result<void> write_all(poll_descriptor* to, std::span<const std::byte> bytes, deadline until) {
    if (to == nullptr) [[unlikely]] {
        return base::fail(EBADF, "write");
    }
    const use call(*to, direction::write);
    if (call.error() != 0) [[unlikely]] {
        return base::fail(call.error(), "write");
    }
    if (bytes.empty()) [[unlikely]] {
        return {};
    }
    const int error =
        sched::on_fiber() ? write_on_fiber(*to, bytes, until) : write_on_thread(*to, bytes, until);
    if (error != 0) [[unlikely]] {
        return base::fail(-error, "write");
    }
    return {};
}

}  // namespace weft::io
