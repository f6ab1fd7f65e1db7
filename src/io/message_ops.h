// SPDX-License-Identifier: Apache-2.0
//
// What sockets can do beyond the calls of socket_ops.h: several parts in one call, what comes along
// with the bytes, and bytes that never come into the process. The same rules hold: these never
// wait, return a count of 0 and more or an errno value, negated, and -EAGAIN after which one may
// wait; between begin() and end() of the descriptor.
#pragma once

#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <span>

#include "io/poll_descriptor.h"

namespace weft::io {

/// At least one byte unless the stream ended (0), or all parts are empty.
ssize_t try_read_parts(poll_descriptor& d, std::span<iovec> parts) noexcept;

/// Some of them. Never raises SIGPIPE.
ssize_t try_write_parts(poll_descriptor& d, std::span<iovec> parts) noexcept;

/// recvmsg(2). Descriptors that come are closed on exec.
ssize_t try_receive_message(poll_descriptor& d, msghdr& message, int flags) noexcept;

/// sendmsg(2).
ssize_t try_send_message(poll_descriptor& d, const msghdr& message) noexcept;

/// recvmmsg(2) and sendmmsg(2): how many messages.
ssize_t try_receive_messages(poll_descriptor& d, std::span<mmsghdr> messages) noexcept;
ssize_t try_send_messages(poll_descriptor& d, std::span<mmsghdr> messages) noexcept;

/// sendfile(2): from `file` at `offset`, which it moves on, to `d`, which is non-blocking.
ssize_t try_send_file(poll_descriptor& d, int file, off_t& offset, std::size_t size) noexcept;

/// splice(2): into a pipe that is empty, and out of one that is not. `d` is non-blocking. -EINVAL:
/// it cannot be spliced.
ssize_t try_splice_from(poll_descriptor& d, int pipe, std::size_t size) noexcept;
ssize_t try_splice_to(poll_descriptor& d, int pipe, std::size_t size) noexcept;

/// pread(2) of a file, which may block in the kernel. A count, or an errno value, negated.
[[gnu::noinline]] ssize_t read_file(int file, std::span<std::byte> bytes, off_t offset) noexcept;

}  // namespace weft::io
