// SPDX-License-Identifier: Apache-2.0
//
// The functions that make a system call are not inlined, as those in socket_ops.h.
#include "io/message_ops.h"

#include <fcntl.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include <algorithm>

#include <weft/errno.h>

#include "base/signal_mask.h"

namespace weft::io {

namespace {

/// What a call returned. A call on a socket that somebody has closed fails in many ways.
ssize_t outcome_of(const poll_descriptor& d, ssize_t returned) noexcept {
    if (returned >= 0) [[likely]] {
        return returned;
    }
    const int error = errno;
    return d.closed() ? -ECANCELED : -error;
}

/// Repeats a system call until it is not interrupted. Only in functions that are not inlined.
template <class Call>
[[gnu::always_inline]] inline ssize_t uninterrupted(const poll_descriptor& d, Call call) noexcept {
    for (;;) {
        const ssize_t n = call();
        if (n >= 0 || errno != EINTR) {
            return outcome_of(d, n);
        }
    }
}

[[gnu::noinline]] ssize_t receive_message(const poll_descriptor& d, msghdr& message,
                                          int flags) noexcept {
    const std::size_t control = message.msg_controllen;
    const socklen_t name = message.msg_namelen;
    const ssize_t n = uninterrupted(d, [&] {
        message.msg_controllen = control;
        message.msg_namelen = name;
        return ::recvmsg(d.fd(), &message, flags | MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    });
    return n == 0 && d.closed() ? -ECANCELED : n;
}

[[gnu::noinline]] ssize_t send_message(const poll_descriptor& d, const msghdr& message) noexcept {
    return uninterrupted(d,
                         [&] { return ::sendmsg(d.fd(), &message, MSG_DONTWAIT | MSG_NOSIGNAL); });
}

[[gnu::noinline]] ssize_t receive_messages(const poll_descriptor& d,
                                           std::span<mmsghdr> messages) noexcept {
    const ssize_t n = uninterrupted(d, [&]() -> ssize_t {
        return ::recvmmsg(d.fd(), messages.data(), static_cast<unsigned>(messages.size()),
                          MSG_DONTWAIT | MSG_CMSG_CLOEXEC, nullptr);
    });
    return d.closed() && n > 0 && messages[0].msg_len == 0 ? -ECANCELED : n;
}

[[gnu::noinline]] ssize_t send_messages(const poll_descriptor& d,
                                        std::span<mmsghdr> messages) noexcept {
    return uninterrupted(d, [&]() -> ssize_t {
        return ::sendmmsg(d.fd(), messages.data(), static_cast<unsigned>(messages.size()),
                          MSG_DONTWAIT | MSG_NOSIGNAL);
    });
}

/// For calls that have no flag against SIGPIPE. They may raise it and report what went before.
template <class Call>
[[gnu::always_inline]] inline ssize_t without_sigpipe(const poll_descriptor& d, std::size_t size,
                                                      Call call) noexcept {
    base::sigpipe_blocked blocked;
    const ssize_t n = uninterrupted(d, call);
    if (n != static_cast<ssize_t>(size)) {
        blocked.drop();
    }
    return n;
}

[[gnu::noinline]] ssize_t send_file(const poll_descriptor& d, int file, off_t& offset,
                                    std::size_t size) noexcept {
    constexpr std::size_t most = 0x7ffff000;  // that the kernel sends at once
    return without_sigpipe(d, std::min(size, most),
                           [&] { return ::sendfile(d.fd(), file, &offset, std::min(size, most)); });
}

constexpr unsigned splice_flags = SPLICE_F_MOVE | SPLICE_F_NONBLOCK;

[[gnu::noinline]] ssize_t splice_from(const poll_descriptor& d, int pipe,
                                      std::size_t size) noexcept {
    return uninterrupted(
        d, [&] { return ::splice(d.fd(), nullptr, pipe, nullptr, size, splice_flags); });
}

[[gnu::noinline]] ssize_t splice_to(const poll_descriptor& d, int pipe, std::size_t size) noexcept {
    return without_sigpipe(
        d, size, [&] { return ::splice(pipe, nullptr, d.fd(), nullptr, size, splice_flags); });
}

/// Leaves it to the next call to find out whether anything is left.
template <class Attempt>
ssize_t try_receiving(poll_descriptor& d, Attempt attempt) noexcept {
    if (!d.take_ready(direction::read)) {
        return -EAGAIN;
    }
    const ssize_t n = attempt();
    if (n != -EAGAIN) {
        d.mark_ready(direction::read);
    }
    return n;
}

/// As try_write(): the flag is cleared only when there was no room once; the call that is made
/// after that decides.
template <class Attempt>
ssize_t try_sending(poll_descriptor& d, Attempt attempt) noexcept {
    if (!d.is_ready(direction::write)) {
        return -EAGAIN;
    }
    ssize_t n = attempt();
    if (n == -EAGAIN) {
        d.take_ready(direction::write);
        n = attempt();
        if (n != -EAGAIN) {
            d.mark_ready(direction::write);
        }
    }
    return n;
}

msghdr message_of(std::span<iovec> parts) noexcept {
    msghdr message{};
    message.msg_iov = parts.data();
    message.msg_iovlen = parts.size();
    return message;
}

}  // namespace

ssize_t try_read_parts(poll_descriptor& d, std::span<iovec> parts) noexcept {
    msghdr message = message_of(parts);
    return try_receiving(d, [&] { return receive_message(d, message, 0); });
}

ssize_t try_write_parts(poll_descriptor& d, std::span<iovec> parts) noexcept {
    return try_send_message(d, message_of(parts));
}

ssize_t try_receive_message(poll_descriptor& d, msghdr& message, int flags) noexcept {
    return try_receiving(d, [&] { return receive_message(d, message, flags); });
}

ssize_t try_send_message(poll_descriptor& d, const msghdr& message) noexcept {
    return try_sending(d, [&] { return send_message(d, message); });
}

ssize_t try_receive_messages(poll_descriptor& d, std::span<mmsghdr> messages) noexcept {
    return try_receiving(d, [&] { return receive_messages(d, messages); });
}

ssize_t try_send_messages(poll_descriptor& d, std::span<mmsghdr> messages) noexcept {
    return try_sending(d, [&] { return send_messages(d, messages); });
}

ssize_t try_send_file(poll_descriptor& d, int file, off_t& offset, std::size_t size) noexcept {
    return try_sending(d, [&] { return send_file(d, file, offset, size); });
}

ssize_t try_splice_from(poll_descriptor& d, int pipe, std::size_t size) noexcept {
    return try_receiving(d, [&] {
        const ssize_t n = splice_from(d, pipe, size);
        return n == 0 && d.closed() ? -ECANCELED : n;
    });
}

ssize_t try_splice_to(poll_descriptor& d, int pipe, std::size_t size) noexcept {
    return try_sending(d, [&] { return splice_to(d, pipe, size); });
}

ssize_t read_file(int file, std::span<std::byte> bytes, off_t offset) noexcept {
    for (;;) {
        const ssize_t n = ::pread(file, bytes.data(), bytes.size(), offset);
        if (n >= 0) {
            return n;
        }
        if (errno != EINTR) {
            return -errno;
        }
    }
}

}  // namespace weft::io
