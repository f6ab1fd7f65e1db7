// SPDX-License-Identifier: Apache-2.0
//
// weft::listener. accept4() has no flag like MSG_DONTWAIT, so a listener's descriptor is
// non-blocking once a fiber uses it; plain threads poll before they accept then.
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>

#include <weft/socket.h>

#include "base/error.h"
#include "base/fd.h"
#include "io/endpoint_text.h"
#include "io/socket_ops.h"
#include "io/wait.h"
#include "sched/current.h"

namespace weft {

namespace {

using io::direction;
using io::poll_descriptor;

int set_option(int fd, int level, int option) noexcept {
    const int on = 1;
    return ::setsockopt(fd, level, option, &on, sizeof on);
}

/// Connections inherit TCP_NODELAY from the listener, which saves a system call for each.
int prepare(int fd, io::protocol proto) noexcept {
    return proto == io::protocol::tcp ? set_option(fd, IPPROTO_TCP, TCP_NODELAY) : 0;
}

int open_listening(int fd, const endpoint& local, const listen_options& options) noexcept {
    const bool is_unix = local.family() == AF_UNIX;
    if (options.reuse_address && !is_unix && set_option(fd, SOL_SOCKET, SO_REUSEADDR) != 0) {
        return -1;
    }
    if (options.reuse_port && set_option(fd, SOL_SOCKET, SO_REUSEPORT) != 0) {
        return -1;
    }
    if (io::bind_to(fd, local, SOCK_STREAM, options.reuse_address) != 0) {
        return -1;
    }
    return ::listen(fd, options.backlog);
}

int accept_on_fiber(poll_descriptor& d, deadline until) noexcept {
    if (const int error = d.make_nonblocking()) {
        return -error;
    }
    for (;;) {
        const int fd = io::try_accept(d);
        if (fd != -EAGAIN) {
            io::let_others_run(d);
            return fd;
        }
        if (const int error = io::park_until_ready(d, direction::read, until)) {
            return static_cast<int>(
                io::last_try(d, direction::read, error, [&] { return io::try_accept(d); }));
        }
    }
}

int accept_on_thread(poll_descriptor& d, deadline until) noexcept {
    // With a deadline the descriptor must not block: a connection may be gone after poll().
    if (!io::may_block(until)) {
        if (const int error = d.make_nonblocking()) {
            return -error;
        }
    }
    for (;;) {
        const int fd = io::accept_once(d);
        if (fd != -EAGAIN) {
            return fd;
        }
        if (const int error = io::block_until_ready(d, direction::read, until)) {
            return error;
        }
    }
}

}  // namespace

listener::~listener() {
    if (descriptor_ != nullptr) {
        descriptor_->destroy();
    }
}

listener& listener::operator=(listener&& other) noexcept {
    listener old(std::move(*this));
    descriptor_ = std::exchange(other.descriptor_, nullptr);
    return *this;
}

result<listener> listener::bind(const endpoint& local, const listen_options& options) {
    base::unique_fd fd(::socket(local.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!fd.valid() || open_listening(fd.get(), local, options) != 0) {
        return base::fail_errno("listen", io::endpoint_text(local));
    }
    auto made = from_native(fd.get());
    if (!made) {
        return base::fail(made.error(), "listen", io::endpoint_text(local));
    }
    (void)fd.release();
    return made;
}

result<listener> listener::from_native(int fd) {
    constexpr auto operation = "from_native";
    io::protocol proto{};
    int listening = 0;
    socklen_t size = sizeof listening;
    if (io::protocol_of(fd, proto) != 0 ||
        ::getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) != 0) {
        return base::fail_errno(operation);
    }
    if (listening == 0) {
        return base::fail(std::errc::invalid_argument, operation);
    }
    if (prepare(fd, proto) != 0) {
        return base::fail_errno(operation);
    }
    auto* const d = poll_descriptor::make(fd, proto, poll_descriptor::role::shared);
    if (d == nullptr) {
        return base::fail(std::errc::not_enough_memory, operation);
    }
    return listener(d);
}

result<socket> listener::accept(deadline until) {
    constexpr auto operation = "accept";
    if (descriptor_ == nullptr) {
        return base::fail(EBADF, operation);
    }
    poll_descriptor& d = *descriptor_;
    const io::use call(d, direction::read);
    if (call.error() != 0) {
        return base::fail(call.error(), operation);
    }
    const int fd = sched::on_fiber() ? accept_on_fiber(d, until) : accept_on_thread(d, until);
    if (fd < 0) {
        return base::fail(-fd, operation);
    }
    const auto adopted = io::adopt(fd, d.proto());
    if (!adopted) {
        return base::fail(adopted.error(), operation);
    }
    return io::access::make_socket(**adopted);
}

void listener::close() noexcept {
    if (descriptor_ != nullptr) {
        descriptor_->close();
    }
}

bool listener::is_open() const noexcept {
    return descriptor_ != nullptr && !descriptor_->closed();
}

result<endpoint> listener::local_endpoint() const {
    return io::endpoint_of(native_handle(), &::getsockname);
}

int listener::native_handle() const noexcept {
    return is_open() ? descriptor_->fd() : -1;
}

int listener::release() noexcept {
    return descriptor_ != nullptr ? std::exchange(descriptor_, nullptr)->release() : -1;
}

}  // namespace weft
