// SPDX-License-Identifier: Apache-2.0
//
// weft::socket. The descriptors of connections stay in blocking mode: fibers pass MSG_DONTWAIT,
// plain threads do not, so that both pay one system call for each read and write and a socket can
// go from one to the other without a change. A descriptor that came in non-blocking mode from
// outside works, too: then a plain thread polls.
#include <weft/socket.h>

#include <unistd.h>

#include <cerrno>

#include "base/error.h"
#include "io/socket_ops.h"
#include "io/wait.h"
#include "sched/current.h"

namespace weft {

namespace {

using io::direction;
using io::poll_descriptor;

result<std::size_t> to_result(ssize_t n) noexcept {
    if (n < 0) [[unlikely]] {
        return base::fail(static_cast<int>(-n));
    }
    return static_cast<std::size_t>(n);
}

ssize_t read_on_fiber(poll_descriptor& d, std::span<std::byte> bytes, deadline until) noexcept {
    for (;;) {
        const ssize_t n = io::try_read(d, bytes);
        if (n != -EAGAIN) {
            io::let_others_run(d);
            return n;
        }
        if (const int error = io::park_until_ready(d, direction::read, until)) {
            return io::last_try(d, direction::read, error, [&] { return io::try_read(d, bytes); });
        }
    }
}

ssize_t read_on_thread(poll_descriptor& d, std::span<std::byte> bytes, deadline until) noexcept {
    bool drained = false;
    const bool may_block = io::may_block(until);
    for (;;) {
        ssize_t n = -EAGAIN;
        if (may_block) {
            n = io::receive(d, bytes, 0, drained);
            if (n != -EAGAIN) {
                return n;
            }
        }
        if (const int error = io::block_until_ready(d, direction::read, until)) {
            return error;
        }
        n = io::receive(d, bytes, MSG_DONTWAIT, drained);
        if (n != -EAGAIN) {
            return n;
        }
    }
}

int write_on_fiber(poll_descriptor& d, std::span<const std::byte> bytes, deadline until) noexcept {
    for (;;) {
        const ssize_t n = io::try_write(d, bytes);
        if (n == static_cast<ssize_t>(bytes.size())) [[likely]] {
            io::let_others_run(d);
            return 0;
        }
        if (n >= 0) {
            bytes = bytes.subspan(static_cast<std::size_t>(n));
        } else if (n != -EAGAIN) {
            return static_cast<int>(n);
        } else if (const int error = io::park_until_ready(d, direction::write, until)) {
            const ssize_t last =
                io::last_try(d, direction::write, error, [&] { return io::try_write(d, bytes); });
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
    const int flags = io::may_block(until) ? 0 : MSG_DONTWAIT;
    for (;;) {
        const ssize_t n = io::transmit(d, bytes, flags);
        if (n == static_cast<ssize_t>(bytes.size())) [[likely]] {
            return 0;
        }
        if (n >= 0) {
            bytes = bytes.subspan(static_cast<std::size_t>(n));
        } else if (n != -EAGAIN) {
            return static_cast<int>(n);
        } else if (const int error = io::block_until_ready(d, direction::write, until)) {
            return error;
        }
    }
}

/// Until connected: 0 or an errno value, negated.
int connect_and_wait(poll_descriptor& d, const endpoint& peer, deadline until) noexcept {
    const io::use call(d, direction::write);
    for (;;) {
        int error = io::try_connect(d, peer);
        if (error == -EBUSY) {
            if (until.expired()) {
                return -ETIMEDOUT;
            }
            if (const int ended = io::sleep_until(io::when_to_retry(until))) {
                return ended;
            }
            continue;
        }
        if (error == -EAGAIN) {
            error = io::wait_until_ready(d, direction::write, until);
            if (error == 0) {
                continue;
            }
        }
        return error != 0 ? error : io::finish_connect(d);
    }
}

}  // namespace

socket::~socket() {
    if (descriptor_ != nullptr) {
        descriptor_->destroy();
    }
}

socket& socket::operator=(socket&& other) noexcept {
    socket old(std::move(*this));
    descriptor_ = std::exchange(other.descriptor_, nullptr);
    return *this;
}

result<socket> socket::from_native(int fd) {
    io::protocol proto{};
    if (io::protocol_of(fd, proto) != 0) {
        return base::fail_errno();
    }
    auto* const d = poll_descriptor::make(fd, proto, poll_descriptor::role::stream);
    if (d == nullptr) {
        return base::fail(std::errc::not_enough_memory);
    }
    return socket(d);
}

result<std::size_t> socket::read(std::span<std::byte> bytes, deadline until) {
    if (descriptor_ == nullptr) [[unlikely]] {
        return base::fail(EBADF);
    }
    const io::use call(*descriptor_, direction::read);
    if (call.error() != 0) [[unlikely]] {
        return base::fail(call.error());
    }
    if (bytes.empty()) [[unlikely]] {
        return 0;
    }
    return to_result(sched::on_fiber() ? read_on_fiber(*descriptor_, bytes, until)
                                       : read_on_thread(*descriptor_, bytes, until));
}

result<void> socket::write(std::span<const std::byte> bytes, deadline until) {
    if (descriptor_ == nullptr) [[unlikely]] {
        return base::fail(EBADF);
    }
    const io::use call(*descriptor_, direction::write);
    if (call.error() != 0) [[unlikely]] {
        return base::fail(call.error());
    }
    if (bytes.empty()) [[unlikely]] {
        return {};
    }
    const int error = sched::on_fiber() ? write_on_fiber(*descriptor_, bytes, until)
                                        : write_on_thread(*descriptor_, bytes, until);
    if (error != 0) [[unlikely]] {
        return base::fail(-error);
    }
    return {};
}

result<void> socket::shutdown_write() {
    if (descriptor_ == nullptr) {
        return base::fail(EBADF);
    }
    const io::use call(*descriptor_, direction::write);
    if (call.error() != 0) {
        return base::fail(call.error());
    }
    if (::shutdown(descriptor_->fd(), SHUT_WR) != 0) {
        return base::fail_errno();
    }
    return {};
}

void socket::close() noexcept {
    if (descriptor_ != nullptr) {
        descriptor_->close();
    }
}

bool socket::is_open() const noexcept {
    return descriptor_ != nullptr && !descriptor_->closed();
}

result<endpoint> socket::local_endpoint() const {
    return io::endpoint_of(native_handle(), &::getsockname);
}

result<endpoint> socket::peer_endpoint() const {
    return io::endpoint_of(native_handle(), &::getpeername);
}

int socket::native_handle() const noexcept {
    return is_open() ? descriptor_->fd() : -1;
}

int socket::release() noexcept {
    return descriptor_ != nullptr ? std::exchange(descriptor_, nullptr)->release() : -1;
}

result<socket> connect(const endpoint& peer, deadline until) {
    const auto made = io::make_connecting(peer);
    if (!made) {
        return std::unexpected(made.error());
    }
    socket connecting = io::access::make_socket(**made);
    if (const int error = connect_and_wait(**made, peer, until)) {
        return base::fail(-error);
    }
    return connecting;
}

}  // namespace weft
