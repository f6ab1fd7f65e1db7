// SPDX-License-Identifier: Apache-2.0
//
// connect, accept, accept4. Neither has a form that does not wait. So a socket that blocks is put
// into the other mode while it connects, which nobody else sees: there is nothing else to do with
// it yet. A listener is waited for instead, since others may accept from it meanwhile; if they are
// faster, the kernel thread waits. A Unix socket whose listener's queue is full tries again in a
// while, as weft::socket does: nothing says when there is room.
#include <fcntl.h>
#include <sys/socket.h>

#include "posix/caller.h"
#include "posix/descriptor_call.h"
#include "posix/next.h"

WEFT_POSIX_PART(connect_calls)

WEFT_POSIX_NEXT(connect)
WEFT_POSIX_NEXT(accept)
WEFT_POSIX_NEXT(accept4)

namespace weft::posix {

namespace {

int connection_error(int fd) noexcept {
    int error = 0;
    socklen_t size = sizeof error;
    if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) {
        return -errno;
    }
    return -error;
}

/// Does not wait.
ssize_t begin_to_connect(int fd, const sockaddr* to, socklen_t size, int flags) noexcept {
    ::fcntl(fd, F_SETFL, flags | O_NONBLOCK);
    const ssize_t begun = outcome_of(next::connect(fd, to, size));
    ::fcntl(fd, F_SETFL, flags);
    return begun;
}

ssize_t connect_and_wait(int fd, const sockaddr* to, socklen_t size) noexcept {
    const int flags = ::fcntl(fd, F_GETFL);
    if (flags < 0) {
        return -errno;
    }
    if ((flags & O_NONBLOCK) != 0) {
        return outcome_of(next::connect(fd, to, size));
    }
    descriptor_wait ready(fd, POLLOUT);
    ssize_t begun = begin_to_connect(fd, to, size, flags);
    while (begun == -EAGAIN && to->sa_family == AF_UNIX) {
        if (const int error = ready.pause()) {
            return error;
        }
        begun = begin_to_connect(fd, to, size, flags);
    }
    // EALREADY: since a call that was given up.
    if (begun != -EINPROGRESS && begun != -EALREADY) {
        return begun;
    }
    if (const int error = ready.wait()) {
        return error == -EAGAIN ? begun : error;  // SO_SNDTIMEO, see socket(7)
    }
    return connection_error(fd);
}

}  // namespace

}  // namespace weft::posix

namespace posix = weft::posix;

extern "C" {

int connect(int fd, const sockaddr* to, socklen_t size) {
    if (!posix::may_park()) {
        return posix::next::connect(fd, to, size);
    }
    const posix::errno_guard call;
    return static_cast<int>(call.finish(posix::connect_and_wait(fd, to, size)));
}

int accept(int fd, sockaddr* from, socklen_t* size) {
    if (!posix::may_park()) {
        return posix::next::accept(fd, from, size);
    }
    const posix::errno_guard call;
    return static_cast<int>(call.finish(
        posix::call_when_ready(fd, POLLIN, [=] { return posix::next::accept(fd, from, size); })));
}

int accept4(int fd, sockaddr* from, socklen_t* size, int flags) {
    if (!posix::may_park()) {
        return posix::next::accept4(fd, from, size, flags);
    }
    const posix::errno_guard call;
    return static_cast<int>(call.finish(posix::call_when_ready(
        fd, POLLIN, [=] { return posix::next::accept4(fd, from, size, flags); })));
}

}  // extern "C"
