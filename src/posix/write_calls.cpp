// SPDX-License-Identifier: Apache-2.0
//
// write, writev, send, sendto, sendmsg. A blocking write to a stream writes all, so these do.
// SIGPIPE is raised or not as without weft::posix.
#include <limits.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <span>

#include "posix/caller.h"
#include "posix/descriptor_call.h"
#include "posix/next.h"

WEFT_POSIX_PART(write_calls)

WEFT_POSIX_NEXT(write)
WEFT_POSIX_NEXT(writev)
WEFT_POSIX_NEXT(send)
WEFT_POSIX_NEXT(sendto)
WEFT_POSIX_NEXT(sendmsg)

namespace weft::posix {

namespace {

/// `attempt(done)` writes what comes after the first `done` bytes and returns how many it wrote. A
/// descriptor that does not block gets one attempt, as do datagrams, which go at once or not at
/// all.
template <class Attempt>
ssize_t write_all(int fd, std::size_t size, Attempt attempt) noexcept {
    std::size_t done = 0;
    descriptor_wait ready(fd, POLLOUT);
    for (;;) {
        const ssize_t n = attempt(done);
        if (n >= 0) {
            done += static_cast<std::size_t>(n);
            if (done >= size) {
                let_others_run();
                return static_cast<ssize_t>(done);
            }
        } else if (n != -EAGAIN) {
            return done > 0 ? static_cast<ssize_t>(done) : n;
        }
        if (const int error = ready.wait()) {
            return done > 0 ? static_cast<ssize_t>(done) : error;
        }
    }
}

ssize_t send_all(int fd, const void* buffer, std::size_t size, int flags) noexcept {
    return write_all(fd, size, [=](std::size_t done) {
        return outcome_of(next::send(fd, static_cast<const std::byte*>(buffer) + done, size - done,
                                     flags | MSG_DONTWAIT));
    });
}

bool is_fifo(int fd) noexcept {
    struct stat status{};
    return ::fstat(fd, &status) == 0 && S_ISFIFO(status.st_mode);
}

/// A pipe that is ready takes PIPE_BUF bytes without waiting (pipe(7)).
ssize_t write_to_pipe(int fd, const void* buffer, std::size_t size) noexcept {
    std::size_t done = 0;
    do {
        const ssize_t n = call_when_ready(fd, POLLOUT, [=] {
            return next::write(fd, static_cast<const std::byte*>(buffer) + done,
                               std::min<std::size_t>(size - done, PIPE_BUF));
        });
        if (n < 0) {
            return done > 0 ? static_cast<ssize_t>(done) : n;
        }
        done += static_cast<std::size_t>(n);
    } while (done < size);
    return static_cast<ssize_t>(done);
}

/// Up to PIPE_BUF bytes go in together; larger ones may be mixed with those of others anyway.
ssize_t write_parts_to_pipe(int fd, std::span<const iovec> parts, std::size_t size) noexcept {
    if (size <= PIPE_BUF) {
        return call_when_ready(fd, POLLOUT, [=] {
            return next::writev(fd, parts.data(), static_cast<int>(parts.size()));
        });
    }
    std::size_t done = 0;
    for (const iovec& part : parts) {
        if (part.iov_len == 0) {
            continue;
        }
        const ssize_t n = write_to_pipe(fd, part.iov_base, part.iov_len);
        if (n < 0) {
            return done > 0 ? static_cast<ssize_t>(done) : n;
        }
        done += static_cast<std::size_t>(n);
        if (static_cast<std::size_t>(n) < part.iov_len) {
            break;
        }
    }
    return static_cast<ssize_t>(done);
}

bool waits(int flags) noexcept {
    return (flags & MSG_DONTWAIT) == 0 && may_park();
}

/// Of a message's parts, without what has gone.
class message_rest {
public:
    explicit message_rest(const msghdr& message) noexcept : message_(message) {
        for (std::size_t i = 0; i < message.msg_iovlen; ++i) {
            size_ += message.msg_iov[i].iov_len;
        }
    }

    [[nodiscard]] std::size_t size() const noexcept { return size_; }

    /// One part after the other once the first bytes have gone, with which descriptors travel.
    ssize_t send(int fd, std::size_t done, int flags) noexcept {
        if (done == 0) {
            return outcome_of(next::sendmsg(fd, &message_, flags | MSG_DONTWAIT));
        }
        std::size_t i = 0;
        while (done >= message_.msg_iov[i].iov_len) {
            done -= message_.msg_iov[i++].iov_len;
        }
        const iovec& part = message_.msg_iov[i];
        return outcome_of(next::send(fd, static_cast<const std::byte*>(part.iov_base) + done,
                                     part.iov_len - done, flags | MSG_DONTWAIT));
    }

private:
    const msghdr& message_;
    std::size_t size_ = 0;
};

ssize_t send_message(int fd, const msghdr& message, int flags) noexcept {
    message_rest rest(message);
    return write_all(fd, rest.size(), [&](std::size_t done) { return rest.send(fd, done, flags); });
}

}  // namespace

}  // namespace weft::posix

namespace posix = weft::posix;

extern "C" {

ssize_t write(int fd, const void* buffer, size_t size) {
    if (size == 0 || !posix::may_park()) {
        return posix::next::write(fd, buffer, size);
    }
    const posix::errno_guard call;
    ssize_t outcome = posix::send_all(fd, buffer, size, 0);
    if (outcome == -ENOTSOCK) {
        outcome = posix::is_fifo(fd) ? posix::write_to_pipe(fd, buffer, size)
                                     : posix::call_when_ready(fd, POLLOUT, [=] {
                                           return posix::next::write(fd, buffer, size);
                                       });
    }
    return call.finish(outcome);
}

ssize_t writev(int fd, const iovec* parts, int count) {
    if (count <= 0 || count > IOV_MAX || !posix::may_park()) {
        return posix::next::writev(fd, parts, count);
    }
    const posix::errno_guard call;
    msghdr message{};
    message.msg_iov = const_cast<iovec*>(parts);
    message.msg_iovlen = static_cast<std::size_t>(count);
    ssize_t outcome = posix::send_message(fd, message, 0);
    if (outcome == -ENOTSOCK) {
        outcome =
            posix::is_fifo(fd)
                ? posix::write_parts_to_pipe(fd, std::span(parts, static_cast<std::size_t>(count)),
                                             posix::message_rest(message).size())
                : posix::call_when_ready(fd, POLLOUT,
                                         [=] { return posix::next::writev(fd, parts, count); });
    }
    return call.finish(outcome);
}

ssize_t send(int fd, const void* buffer, size_t size, int flags) {
    if (!posix::waits(flags)) {
        return posix::next::send(fd, buffer, size, flags);
    }
    const posix::errno_guard call;
    return call.finish(posix::send_all(fd, buffer, size, flags));
}

ssize_t sendto(int fd, const void* buffer, size_t size, int flags, const sockaddr* to,
               socklen_t to_size) {
    if (!posix::waits(flags)) {
        return posix::next::sendto(fd, buffer, size, flags, to, to_size);
    }
    const posix::errno_guard call;
    if (to == nullptr) {
        return call.finish(posix::send_all(fd, buffer, size, flags));
    }
    return call.finish(posix::write_all(fd, size, [=](std::size_t done) {
        return posix::outcome_of(
            posix::next::sendto(fd, static_cast<const std::byte*>(buffer) + done, size - done,
                                flags | MSG_DONTWAIT, to, to_size));
    }));
}

ssize_t sendmsg(int fd, const msghdr* message, int flags) {
    if (!posix::waits(flags)) {
        return posix::next::sendmsg(fd, message, flags);
    }
    const posix::errno_guard call;
    return call.finish(posix::send_message(fd, *message, flags));
}

}  // extern "C"
