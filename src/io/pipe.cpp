// SPDX-License-Identifier: Apache-2.0
//
// Pipes are sockets to the rest of io, but for the system calls (socket_ops.cpp) and for how
// close() ends a thread's wait (wait.cpp).
#include <weft/pipe.h>

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/error.h"
#include "base/fd.h"
#include "io/byte_stream.h"
#include "io/socket_ops.h"
#include "io/stream_calls.h"

namespace weft {

namespace {

using io::poll_descriptor;

constexpr auto stream = poll_descriptor::role::stream;

/// A record for `fd`, which is in non-blocking mode.
result<poll_descriptor*> own(base::unique_fd fd) noexcept {
    poll_descriptor* const d = poll_descriptor::make(fd.get(), io::protocol::no_socket, stream);
    if (d == nullptr) {
        return base::fail(std::errc::not_enough_memory, "make_pipe");
    }
    (void)fd.release();
    return d;
}

/// A record for a descriptor from outside, open for `access` or for both.
result<poll_descriptor*> take_over(int fd, int access) noexcept {
    constexpr auto operation = "from_native";
    const int flags = ::fcntl(fd, F_GETFL);
    if (flags < 0) {
        return base::fail_errno(operation);
    }
    const int mode = flags & O_ACCMODE;
    if ((mode != access && mode != O_RDWR) || (flags & O_PATH) != 0) {
        return base::fail(EBADF, operation);
    }
    poll_descriptor* const d = poll_descriptor::make(fd, io::protocol::no_socket, stream);
    if (d == nullptr) {
        return base::fail(std::errc::not_enough_memory, operation);
    }
    if ((flags & O_NONBLOCK) == 0) {
        if (const int error = d->make_nonblocking()) {
            (void)d->release();
            return base::fail(error, operation);
        }
    }
    return d;
}

}  // namespace

result<pipe_reader> pipe_reader::from_native(int fd) {
    const auto taken = take_over(fd, O_RDONLY);
    if (!taken) {
        return std::unexpected(taken.error());
    }
    return pipe_reader(*taken);
}

result<std::size_t> pipe_reader::read(std::span<std::byte> bytes, deadline until) {
    return io::read_some(descriptor(), bytes, until);
}

result<void> pipe_reader::read_exactly(std::span<std::byte> bytes, deadline until) {
    return io::perform(io::exact_read(descriptor(), bytes), until);
}

result<pipe_writer> pipe_writer::from_native(int fd) {
    const auto taken = take_over(fd, O_WRONLY);
    if (!taken) {
        return std::unexpected(taken.error());
    }
    return pipe_writer(*taken);
}

result<void> pipe_writer::write(std::span<const std::byte> bytes, deadline until) {
    return io::write_all(descriptor(), bytes, until);
}

result<pipe_ends> make_pipe() {
    std::array<int, 2> fds{};
    if (::pipe2(fds.data(), O_CLOEXEC | O_NONBLOCK) != 0) {
        return base::fail_errno("make_pipe");
    }
    base::unique_fd out(fds[0]);
    base::unique_fd in(fds[1]);
    const auto reader = own(std::move(out));
    if (!reader) {
        return std::unexpected(reader.error());
    }
    pipe_ends ends{.reader = io::access::make_reader(**reader), .writer = {}};
    const auto writer = own(std::move(in));
    if (!writer) {
        return std::unexpected(writer.error());
    }
    ends.writer = io::access::make_writer(**writer);
    return ends;
}

}  // namespace weft
