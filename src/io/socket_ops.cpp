// SPDX-License-Identifier: Apache-2.0
#include "io/socket_ops.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>

#include <weft/errno.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/signal_mask.h"
#include "io/endpoint_text.h"

namespace weft::io {

namespace {

/// What a failed call means: a call on a socket that somebody has closed fails in many ways.
ssize_t failure(const poll_descriptor& d, int error) noexcept {
    return d.closed() ? -ECANCELED : -error;
}

/// On a Unix socket recv() stops behind a message that carried descriptors or credentials, whatever
/// follows. recvmsg() without room for them says that it threw some away.
ssize_t receive_unix(int fd, std::span<std::byte> bytes, int flags, bool& drained) noexcept {
    iovec part{.iov_base = bytes.data(), .iov_len = bytes.size()};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    const ssize_t n = ::recvmsg(fd, &message, flags | MSG_CMSG_CLOEXEC);
    drained = n > 0 && static_cast<std::size_t>(n) < bytes.size() &&
              (message.msg_flags & MSG_CTRUNC) == 0;
    return n;
}

/// write(2) has no MSG_NOSIGNAL. As that one it may write a part, and says so, when the reader
/// goes.
ssize_t write_without_signal(int fd, std::span<const std::byte> bytes) noexcept {
    base::sigpipe_blocked blocked;
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    const int error = errno;
    if (n < 0 ? error == EPIPE : static_cast<std::size_t>(n) < bytes.size()) {
        blocked.drop();
    }
    errno = error;
    return n;
}

/// Whether accept() failed for a connection that is gone, so that there may be others: accept(2)
/// lists what TCP/IP reports of the new socket here.
bool gone_before_accepted(int error) noexcept {
    switch (error) {
        case EINTR:
        case ECONNABORTED:
        case EPROTO:
        case ENETDOWN:
        case ENOPROTOOPT:
        case EHOSTDOWN:
        case ENONET:
        case EHOSTUNREACH:
        case ENETUNREACH:
            return true;
        default:
            return false;
    }
}

/// Whether the file of a Unix path is left over from a process that is gone: nobody listens on it.
bool nobody_listens(const endpoint& local, int type) noexcept {
    const base::unique_fd probe(::socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    return probe.valid() && ::connect(probe.get(), local.data(), local.size()) != 0 &&
           errno == ECONNREFUSED;
}

protocol protocol_of_family(int family) noexcept {
    switch (family) {
        case AF_INET:
        case AF_INET6:
            return protocol::tcp;
        case AF_UNIX:
            return protocol::unix_stream;
        default:
            return protocol::other;
    }
}

}  // namespace

ssize_t receive(poll_descriptor& d, std::span<std::byte> bytes, int flags, bool& drained) noexcept {
    for (;;) {
        ssize_t n = 0;
        if (d.proto() == protocol::unix_stream) {
            n = receive_unix(d.fd(), bytes, flags, drained);
        } else if (d.proto() == protocol::no_socket) {
            n = ::read(d.fd(), bytes.data(), bytes.size());
        } else {
            n = ::recv(d.fd(), bytes.data(), bytes.size(), flags);
            drained = n > 0 && static_cast<std::size_t>(n) < bytes.size();
        }
        if (n > 0) [[likely]] {
            return n;
        }
        if (n == 0) {
            return d.closed() ? -ECANCELED : 0;
        }
        if (errno != EINTR) {
            return failure(d, errno);
        }
    }
}

ssize_t transmit(poll_descriptor& d, std::span<const std::byte> bytes, int flags) noexcept {
    for (;;) {
        const ssize_t n = d.proto() == protocol::no_socket
                              ? write_without_signal(d.fd(), bytes)
                              : ::send(d.fd(), bytes.data(), bytes.size(), flags | MSG_NOSIGNAL);
        if (n >= 0) [[likely]] {
            return n;
        }
        if (errno != EINTR) {
            return failure(d, errno);
        }
    }
}

int accept_once(poll_descriptor& listener) noexcept {
    for (;;) {
        // Not SOCK_NONBLOCK: see the head of socket.cpp.
        const int fd = ::accept4(listener.fd(), nullptr, nullptr, SOCK_CLOEXEC);
        if (fd >= 0) {
            return fd;
        }
        if (!gone_before_accepted(errno)) {
            return static_cast<int>(failure(listener, errno));
        }
    }
}

ssize_t try_read(poll_descriptor& d, std::span<std::byte> bytes) noexcept {
    if (!d.take_ready(direction::read)) {
        return -EAGAIN;
    }
    bool drained = false;
    const ssize_t n = receive(d, bytes, MSG_DONTWAIT, drained);
    const bool nothing_left = n == -EAGAIN || (drained && !d.splits_reads());
    if (!nothing_left) {
        d.mark_ready(direction::read);
    }
    return n;
}

// A socket is writable nearly always, so the flag is cleared only when the buffer was full once,
// and then the call is repeated: that one decides.
ssize_t try_write(poll_descriptor& d, std::span<const std::byte> bytes) noexcept {
    if (!d.is_ready(direction::write)) {
        return -EAGAIN;
    }
    const ssize_t first = transmit(d, bytes, MSG_DONTWAIT);
    if (first == static_cast<ssize_t>(bytes.size())) [[likely]] {
        return first;
    }
    if (first < 0 && first != -EAGAIN) {
        return first;
    }
    const ssize_t written = first < 0 ? 0 : first;
    d.take_ready(direction::write);
    const auto rest = bytes.subspan(static_cast<std::size_t>(written));
    const ssize_t second = transmit(d, rest, MSG_DONTWAIT);
    const bool full =
        second == -EAGAIN || (second >= 0 && second < static_cast<ssize_t>(rest.size()));
    if (!full) {
        d.mark_ready(direction::write);
    }
    if (second >= 0) {
        return written + second;
    }
    return written > 0 ? written : second;
}

int try_accept(poll_descriptor& listener) noexcept {
    if (!listener.take_ready(direction::read)) {
        return -EAGAIN;
    }
    const int fd = accept_once(listener);
    if (fd != -EAGAIN) {
        // One edge may stand for many connections, and after EMFILE this one is still there.
        listener.mark_ready(direction::read);
    }
    return fd;
}

result<poll_descriptor*> make_connecting(const endpoint& peer) noexcept {
    base::unique_fd fd(::socket(peer.family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd.valid()) {
        return connect_failed(base::code_of(errno), peer);
    }
    const protocol proto = protocol_of_family(peer.family());
    if (proto == protocol::tcp) {
        const int on = 1;
        if (::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0) {
            return connect_failed(base::code_of(errno), peer);
        }
    }
    const auto made = adopt(fd.release(), proto);
    if (!made) {
        return connect_failed(made.error(), peer);
    }
    return made;
}

std::unexpected<error> connect_failed(const std::error_code& code, const endpoint& peer) noexcept {
    return base::fail(code, "connect", endpoint_text(peer));
}

int try_connect(poll_descriptor& d, const endpoint& peer) noexcept {
    d.take_ready(direction::write);
    if (::connect(d.fd(), peer.data(), peer.size()) == 0) {
        d.mark_ready(direction::write);
        return 0;
    }
    switch (errno) {
        case EISCONN:
            d.mark_ready(direction::write);
            return 0;
        case EINPROGRESS:
        case EALREADY:
        case EINTR:  // goes on in the kernel
            return -EAGAIN;
        case EAGAIN:
            if (d.proto() == protocol::unix_stream) {
                return -EBUSY;
            }
            return -ENOBUFS;  // connect(2): the routing cache is full; -EAGAIN would mean to wait
        default:
            return static_cast<int>(failure(d, errno));
    }
}

deadline when_to_retry(deadline until) noexcept {
    const deadline soon(std::chrono::milliseconds(1));
    return soon.nanoseconds() < until.nanoseconds() ? soon : until;
}

int finish_connect(poll_descriptor& d) noexcept {
    int off = 0;
    return ::ioctl(d.fd(), FIONBIO, &off) == 0 ? 0 : -errno;
}

result<poll_descriptor*> adopt(int fd, protocol proto) noexcept {
    if (poll_descriptor* const d =
            poll_descriptor::make(fd, proto, poll_descriptor::role::stream)) {
        return d;
    }
    ::close(fd);
    return base::fail(std::errc::not_enough_memory);
}

int bind_to(int fd, const endpoint& local, int type, bool replace) noexcept {
    if (::bind(fd, local.data(), local.size()) == 0) {
        return 0;
    }
    const auto* const address = reinterpret_cast<const sockaddr_un*>(local.data());
    const bool is_path = local.family() == AF_UNIX && address->sun_path[0] != '\0';
    if (errno != EADDRINUSE || !replace || !is_path) {
        return -1;
    }
    if (!nobody_listens(local, type)) {
        errno = EADDRINUSE;
        return -1;
    }
    ::unlink(address->sun_path);
    return ::bind(fd, local.data(), local.size());
}

int protocol_of(int fd, protocol& proto) noexcept {
    int type = 0;
    int family = 0;
    int number = 0;
    socklen_t size = sizeof type;
    if (::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) != 0 ||
        ::getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &(size = sizeof family)) != 0 ||
        ::getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &number, &(size = sizeof number)) != 0) {
        return -1;
    }
    if (type != SOCK_STREAM) {
        errno = EPROTOTYPE;
        return -1;
    }
    proto = protocol_of_family(family);
    if (proto == protocol::tcp && number != IPPROTO_TCP) {
        proto = protocol::other;  // SCTP, MPTCP
    }
    return 0;
}

}  // namespace weft::io
