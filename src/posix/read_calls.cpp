// SPDX-License-Identifier: Apache-2.0
//
// read, readv, recv, recvfrom, recvmsg, and the forms of them that -D_FORTIFY_SOURCE calls.
//
// From a socket a read is a recv() that does not wait. From anything else a fiber waits until there
// is something to read; a regular file always is ready, and read as it is.
#include <limits.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cstddef>

#include "base/assert.h"
#include "posix/aside.h"
#include "posix/caller.h"
#include "posix/descriptor_call.h"
#include "posix/next.h"

WEFT_POSIX_PART(read_calls)

WEFT_POSIX_NEXT(read)
WEFT_POSIX_NEXT(readv)
WEFT_POSIX_NEXT(recv)
WEFT_POSIX_NEXT(recvfrom)
WEFT_POSIX_NEXT(recvmsg)

namespace weft::posix {

namespace {

/// MSG_WAITALL where that cannot be done in parts: once something has come the kernel waits for the
/// rest.
template <class Call>
ssize_t call_for_all(int fd, Call call) noexcept {
    return call_when_ready(fd, POLLIN, [=] { return aside(call); });
}

/// MSG_WAITALL on a stream: until `size` bytes have come, or the end.
ssize_t receive_all(int fd, void* buffer, std::size_t size, int flags) noexcept {
    std::size_t got = 0;
    while (got < size) {
        auto* const rest = static_cast<std::byte*>(buffer) + got;
        const ssize_t n = attempt_until_ready(fd, POLLIN, [&] {
            return outcome_of(next::recv(fd, rest, size - got, flags | MSG_DONTWAIT));
        });
        if (n <= 0) {
            return got > 0 ? static_cast<ssize_t>(got) : n;
        }
        got += static_cast<std::size_t>(n);
    }
    return static_cast<ssize_t>(got);
}

bool is_stream(int fd) noexcept {
    int type = 0;
    socklen_t size = sizeof type;
    return ::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_STREAM;
}

ssize_t receive(int fd, void* buffer, std::size_t size, int flags) noexcept {
    if ((flags & MSG_WAITALL) != 0 && is_stream(fd)) {
        return (flags & MSG_PEEK) == 0
                   ? receive_all(fd, buffer, size, flags)
                   : call_for_all(fd, [=] { return next::recv(fd, buffer, size, flags); });
    }
    return attempt_until_ready(
        fd, POLLIN, [=] { return outcome_of(next::recv(fd, buffer, size, flags | MSG_DONTWAIT)); });
}

ssize_t receive_from(int fd, void* buffer, std::size_t size, int flags, sockaddr* from,
                     socklen_t* from_size) noexcept {
    const socklen_t room = from_size != nullptr ? *from_size : 0;
    return attempt_until_ready(fd, POLLIN, [=] {
        if (from_size != nullptr) {
            *from_size = room;
        }
        return outcome_of(next::recvfrom(fd, buffer, size, flags | MSG_DONTWAIT, from, from_size));
    });
}

/// Urgent data is there or not: nobody waits for it.
bool waits(int flags) noexcept {
    return (flags & (MSG_DONTWAIT | MSG_ERRQUEUE | MSG_OOB)) == 0 && may_park();
}

}  // namespace

}  // namespace weft::posix

namespace posix = weft::posix;

extern "C" {

ssize_t read(int fd, void* buffer, size_t size) {
    if (size == 0 || !posix::may_park()) {
        return posix::next::read(fd, buffer, size);
    }
    const posix::errno_guard call;
    ssize_t outcome = posix::receive(fd, buffer, size, 0);
    if (outcome == -ENOTSOCK) {
        outcome =
            posix::call_when_ready(fd, POLLIN, [=] { return posix::next::read(fd, buffer, size); });
    }
    return call.finish(outcome);
}

ssize_t readv(int fd, const iovec* parts, int count) {
    if (count <= 0 || count > IOV_MAX || !posix::may_park()) {
        return posix::next::readv(fd, parts, count);
    }
    const posix::errno_guard call;
    return call.finish(
        posix::call_when_ready(fd, POLLIN, [=] { return posix::next::readv(fd, parts, count); }));
}

ssize_t recv(int fd, void* buffer, size_t size, int flags) {
    if (!posix::waits(flags)) {
        return posix::next::recv(fd, buffer, size, flags);
    }
    const posix::errno_guard call;
    return call.finish(posix::receive(fd, buffer, size, flags));
}

ssize_t recvfrom(int fd, void* buffer, size_t size, int flags, sockaddr* from,
                 socklen_t* from_size) {
    if (!posix::waits(flags)) {
        return posix::next::recvfrom(fd, buffer, size, flags, from, from_size);
    }
    const posix::errno_guard call;
    if (from == nullptr) {
        return call.finish(posix::receive(fd, buffer, size, flags));
    }
    return call.finish(posix::receive_from(fd, buffer, size, flags, from, from_size));
}

ssize_t recvmsg(int fd, msghdr* message, int flags) {
    if (!posix::waits(flags)) {
        return posix::next::recvmsg(fd, message, flags);
    }
    const posix::errno_guard call;
    if ((flags & MSG_WAITALL) != 0) {
        return call.finish(
            posix::call_for_all(fd, [=] { return posix::next::recvmsg(fd, message, flags); }));
    }
    return call.finish(posix::attempt_until_ready(fd, POLLIN, [=] {
        return posix::outcome_of(posix::next::recvmsg(fd, message, flags | MSG_DONTWAIT));
    }));
}

ssize_t __read_chk(int fd, void* buffer, size_t size, size_t room) {
    WEFT_ASSERT(size <= room, "read() into a buffer that is too small");
    return read(fd, buffer, size);
}

ssize_t __recv_chk(int fd, void* buffer, size_t size, size_t room, int flags) {
    WEFT_ASSERT(size <= room, "recv() into a buffer that is too small");
    return recv(fd, buffer, size, flags);
}

ssize_t __recvfrom_chk(int fd, void* buffer, size_t size, size_t room, int flags, sockaddr* from,
                       socklen_t* from_size) {
    WEFT_ASSERT(size <= room, "recvfrom() into a buffer that is too small");
    return recvfrom(fd, buffer, size, flags, from, from_size);
}

}  // extern "C"
