// SPDX-License-Identifier: Apache-2.0
//
// weft::datagram_socket. Like a listener it may have any number of calls in each direction at a
// time (poll_descriptor's role::shared); like one its edge-triggered registration means that who
// got a datagram wakes the next who waits for one.
#include <weft/datagram.h>

#include <sys/socket.h>

#include <weft/errno.h>

#include "base/error.h"
#include "base/fd.h"
#include "io/datagram_calls.h"
#include "io/endpoint_text.h"
#include "io/socket_ops.h"

namespace weft {

namespace {

int set_option(int fd, int option) noexcept {
    const int on = 1;
    return ::setsockopt(fd, SOL_SOCKET, option, &on, sizeof on);
}

/// A descriptor of that family with the options set, or an invalid one with errno.
base::unique_fd make_socket(int family, const datagram_options& options) noexcept {
    base::unique_fd fd(::socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    const bool reuse_address = options.reuse_address && family != AF_UNIX;
    if (!fd.valid() || (reuse_address && set_option(fd.get(), SO_REUSEADDR) != 0) ||
        (options.reuse_port && set_option(fd.get(), SO_REUSEPORT) != 0) ||
        (options.broadcast && set_option(fd.get(), SO_BROADCAST) != 0)) {
        const int error = errno;
        fd.reset();
        errno = error;
    }
    return fd;
}

result<datagram_socket> take_over(base::unique_fd& fd) {
    auto made = datagram_socket::from_native(fd.get());
    if (made) {
        (void)fd.release();
    }
    return made;
}

}  // namespace

datagram_socket::~datagram_socket() {
    if (descriptor_ != nullptr) {
        descriptor_->destroy();
    }
}

datagram_socket& datagram_socket::operator=(datagram_socket&& other) noexcept {
    datagram_socket old(std::move(*this));
    descriptor_ = std::exchange(other.descriptor_, nullptr);
    return *this;
}

result<datagram_socket> datagram_socket::bind(const endpoint& local,
                                              const datagram_options& options) {
    base::unique_fd fd = make_socket(local.family(), options);
    if (!fd.valid() || io::bind_to(fd.get(), local, SOCK_DGRAM, options.reuse_address) != 0) {
        return base::fail_errno("bind", io::endpoint_text(local));
    }
    return take_over(fd);
}

result<datagram_socket> datagram_socket::open(int family, const datagram_options& options) {
    base::unique_fd fd = make_socket(family, options);
    if (!fd.valid()) {
        return base::fail_errno("open");
    }
    return take_over(fd);
}

result<datagram_socket> datagram_socket::from_native(int fd) {
    constexpr auto operation = "from_native";
    int type = 0;
    int family = 0;
    socklen_t size = sizeof type;
    if (::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) != 0 ||
        ::getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &(size = sizeof family)) != 0) {
        return base::fail_errno(operation);
    }
    if (type != SOCK_DGRAM) {
        return base::fail(EPROTOTYPE, operation);
    }
    const auto proto = family == AF_UNIX ? io::protocol::unix_datagram : io::protocol::other;
    auto* const d = io::poll_descriptor::make(fd, proto, io::poll_descriptor::role::shared);
    if (d == nullptr) {
        return base::fail(std::errc::not_enough_memory, operation);
    }
    return datagram_socket(d);
}

result<void> datagram_socket::connect(const endpoint& peer) {
    constexpr auto operation = "connect";
    if (descriptor_ == nullptr) {
        return base::fail(EBADF, operation);
    }
    const io::use call(*descriptor_, io::direction::read);
    if (call.error() != 0) {
        return base::fail(call.error(), operation);
    }
    if (::connect(descriptor_->fd(), peer.data(), peer.size()) != 0) {
        return base::fail_errno(operation, io::endpoint_text(peer));
    }
    return {};
}

result<void> datagram_socket::send(std::span<const std::byte> bytes, deadline until) {
    return io::perform(io::datagram_send(descriptor_, bytes, endpoint()), until);
}

result<void> datagram_socket::send_to(std::span<const std::byte> bytes, const endpoint& peer,
                                      deadline until) {
    return io::perform(io::datagram_send(descriptor_, bytes, peer), until);
}

result<received_datagram> datagram_socket::receive(std::span<std::byte> bytes, deadline until) {
    return io::perform(io::datagram_receive(descriptor_, bytes, false), until);
}

result<received_datagram> datagram_socket::receive_from(std::span<std::byte> bytes,
                                                        deadline until) {
    return io::perform(io::datagram_receive(descriptor_, bytes, true), until);
}

result<std::size_t> datagram_socket::receive_many(std::span<datagram_slot> slots, deadline until) {
    return io::perform(io::datagrams_receive(descriptor_, slots), until);
}

result<std::size_t> datagram_socket::send_many(std::span<const outgoing_datagram> datagrams,
                                               deadline until) {
    return io::perform(io::datagrams_send(descriptor_, datagrams), until);
}

void datagram_socket::close() noexcept {
    if (descriptor_ != nullptr) {
        descriptor_->close();
    }
}

bool datagram_socket::is_open() const noexcept {
    return descriptor_ != nullptr && !descriptor_->closed();
}

result<endpoint> datagram_socket::local_endpoint() const {
    return io::endpoint_of(native_handle(), &::getsockname);
}

result<endpoint> datagram_socket::peer_endpoint() const {
    return io::endpoint_of(native_handle(), &::getpeername);
}

int datagram_socket::native_handle() const noexcept {
    return is_open() ? descriptor_->fd() : -1;
}

int datagram_socket::release() noexcept {
    return descriptor_ != nullptr ? std::exchange(descriptor_, nullptr)->release() : -1;
}

}  // namespace weft
