// SPDX-License-Identifier: Apache-2.0
//
// weft::socket.
#include <weft/socket.h>

#include <unistd.h>

#include <cerrno>

#include "base/error.h"
#include "io/byte_stream.h"
#include "io/socket_ops.h"
#include "io/wait.h"

namespace weft {

namespace {

using io::direction;
using io::poll_descriptor;

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
        return base::fail_errno("from_native");
    }
    auto* const d = poll_descriptor::make(fd, proto, poll_descriptor::role::stream);
    if (d == nullptr) {
        return base::fail(std::errc::not_enough_memory, "from_native");
    }
    return socket(d);
}

result<std::size_t> socket::read(std::span<std::byte> bytes, deadline until) {
    return io::read_some(descriptor_, bytes, until);
}

result<void> socket::write(std::span<const std::byte> bytes, deadline until) {
    return io::write_all(descriptor_, bytes, until);
}

result<void> socket::shutdown_write() {
    constexpr auto operation = "shutdown_write";
    if (descriptor_ == nullptr) {
        return base::fail(EBADF, operation);
    }
    const io::use call(*descriptor_, direction::write);
    if (call.error() != 0) {
        return base::fail(call.error(), operation);
    }
    if (::shutdown(descriptor_->fd(), SHUT_WR) != 0) {
        return base::fail_errno(operation);
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
        return io::connect_failed(base::code_of(-error), peer);
    }
    return connecting;
}

}  // namespace weft
