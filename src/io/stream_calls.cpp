// SPDX-License-Identifier: Apache-2.0
#include "io/stream_calls.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <new>

#include <weft/errno.h>

namespace weft::io {

namespace {

constexpr std::size_t most_descriptors = 253;  // SCM_MAX_FD: that the kernel takes at once
constexpr int scm_pidfd = 4;                   // SCM_PIDFD; only if the program asked for it
constexpr std::size_t pipe_size = 64 * 1024;

result<std::uint64_t> count_or_failure(std::int64_t outcome, std::uint64_t count,
                                       const char* operation) noexcept {
    if (outcome < 0) {
        return failed(outcome, operation);
    }
    return count;
}

[[gnu::noinline]] int make_pipe(base::unique_fd& out, base::unique_fd& in) noexcept {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0) {
        return errno;
    }
    out.reset(ends[0]);
    in.reset(ends[1]);
    return 0;
}

[[gnu::noinline]] ssize_t read_pipe(int pipe, std::span<std::byte> bytes) noexcept {
    const ssize_t n = ::read(pipe, bytes.data(), bytes.size());
    return n >= 0 ? n : -errno;
}

/// Whether the kernel says that it cannot do for these descriptors what would save a copy.
bool must_read(std::int64_t outcome) noexcept {
    return outcome == -EINVAL || outcome == -ENOSYS || outcome == -EOPNOTSUPP;
}

}  // namespace

std::int64_t vectored_read::attempt() noexcept {
    std::array<iovec, parts_at_once> vector;
    std::size_t count = 0;
    for (const std::span<std::byte> part : parts_) {
        if (count == vector.size()) {
            break;
        }
        if (!part.empty()) {
            vector[count++] = {.iov_base = part.data(), .iov_len = part.size()};
        }
    }
    return count != 0 ? try_read_parts(descriptor(), std::span(vector).first(count)) : 0;
}

result<std::size_t> vectored_read::finish(std::int64_t outcome) noexcept {
    if (outcome < 0) {
        return failed(outcome, operation);
    }
    return static_cast<std::size_t>(outcome);
}

std::int64_t vectored_write::attempt() noexcept {
    for (;;) {
        std::array<iovec, parts_at_once> vector;
        std::size_t count = 0;
        std::size_t skip = written_;
        for (const std::span<const std::byte> part : parts_) {
            if (count == vector.size()) {
                break;
            }
            const auto rest = part.subspan(std::exchange(skip, 0));
            if (!rest.empty()) {
                vector[count++] = {.iov_base = const_cast<std::byte*>(rest.data()),
                                   .iov_len = rest.size()};
            }
        }
        if (count == 0) {
            return 0;
        }
        const ssize_t n = try_write_parts(descriptor(), std::span(vector).first(count));
        if (n < 0) {
            return n;
        }
        advance(static_cast<std::size_t>(n));
    }
}

void vectored_write::advance(std::size_t written) noexcept {
    written_ += written;
    while (!parts_.empty() && written_ >= parts_.front().size()) {
        written_ -= parts_.front().size();
        parts_ = parts_.subspan(1);
    }
}

result<void> vectored_write::finish(std::int64_t outcome) noexcept {
    if (outcome < 0) {
        return failed(outcome, operation);
    }
    return {};
}

std::int64_t exact_read::attempt() noexcept {
    while (!left_.empty()) {
        const ssize_t n = try_read(descriptor(), left_);
        if (n < 0) {
            return n;
        }
        if (n == 0) {
            ended_ = true;
            return 0;
        }
        left_ = left_.subspan(static_cast<std::size_t>(n));
    }
    return 0;
}

result<void> exact_read::finish(std::int64_t outcome) const noexcept {
    if (outcome < 0) {
        return failed(outcome, operation);
    }
    if (ended_) {
        return base::fail(errc::unexpected_end_of_stream, operation);
    }
    return {};
}

bool relay_buffer::make() noexcept {
    bytes_.reset(new (std::nothrow) std::byte[size]);
    return made();
}

std::int64_t relay_buffer::drain_to(poll_descriptor& to) noexcept {
    while (!empty()) {
        const ssize_t n = try_write(to, std::span(bytes_.get() + begin_, end_ - begin_));
        if (n < 0) {
            return n;
        }
        begin_ += static_cast<std::size_t>(n);
    }
    return 0;
}

int file_send::begin() noexcept {
    if (offset_ < 0) {
        return EINVAL;
    }
    if (const int error = single_call::begin()) {
        return error;
    }
    const int error = descriptor().make_nonblocking();
    if (error != 0) {
        end();
    }
    return error;
}

std::int64_t file_send::attempt() noexcept {
    while (left_ != 0 && !buffer_.made()) {
        const auto size =
            static_cast<std::size_t>(std::min<std::uint64_t>(left_, std::size_t{0} - 1));
        const ssize_t n = try_send_file(descriptor(), file_, offset_, size);
        if (n == 0) {
            return 0;  // the end of the file
        }
        if (n > 0) {
            left_ -= static_cast<std::uint64_t>(n);
            sent_ += static_cast<std::uint64_t>(n);
        } else if (!must_read(n)) {
            return n;
        } else if (!buffer_.make()) {
            return -ENOMEM;
        }
    }
    return buffer_.made() ? attempt_by_reading() : 0;
}

std::int64_t file_send::attempt_by_reading() noexcept {
    for (;;) {
        const std::int64_t drained = buffer_.drain_to(descriptor());
        if (drained != 0 || left_ == 0) {
            return drained;
        }
        const auto room = buffer_.room();
        const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(left_, room.size()));
        const ssize_t n = read_file(file_, room.first(size), offset_);
        if (n <= 0) {
            return n != -EAGAIN ? n : -EINVAL;  // what can make a reader wait is no file
        }
        buffer_.filled(static_cast<std::size_t>(n));
        offset_ += n;
        left_ -= static_cast<std::uint64_t>(n);
        sent_ += static_cast<std::uint64_t>(n);
    }
}

result<std::uint64_t> file_send::finish(std::int64_t outcome) const noexcept {
    return count_or_failure(outcome, sent_, operation);
}

int stream_copy::begin() noexcept {
    if (from_ == nullptr || to_ == nullptr) {
        return EBADF;
    }
    if (const int error = from_->begin(direction::read)) {
        return error;
    }
    if (const int error = to_->begin(direction::write)) {
        from_->end(direction::read);
        return error;
    }
    const int error = prepare();
    if (error != 0) {
        end();
    }
    return error;
}

void stream_copy::end() noexcept {
    from_->end(direction::read);
    to_->end(direction::write);
}

int stream_copy::prepare() noexcept {
    if (const int error = from_->make_nonblocking()) {
        return error;
    }
    if (const int error = to_->make_nonblocking()) {
        return error;
    }
    if (make_pipe(pipe_out_, pipe_in_) == 0 || buffer_.make()) {
        return 0;
    }
    return ENOMEM;
}

std::int64_t stream_copy::attempt() noexcept {
    while (!buffer_.made()) {
        const bool out = in_pipe_ != 0;
        const ssize_t n = out ? try_splice_to(*to_, pipe_out_.get(), in_pipe_)
                              : try_splice_from(*from_, pipe_in_.get(), pipe_size);
        if (must_read(n)) {
            if (!buffer_.make()) {
                return -ENOMEM;
            }
            const ssize_t moved = out ? read_pipe(pipe_out_.get(), buffer_.room()) : 0;
            if (moved < 0) {
                return -EIO;  // what went in there must come out
            }
            buffer_.filled(static_cast<std::size_t>(moved));
            copied_ += static_cast<std::uint64_t>(moved);
            in_pipe_ = 0;
        } else if (n < 0 || (n == 0 && !out)) {
            return n;
        } else if (out) {
            in_pipe_ -= static_cast<std::size_t>(n);
            copied_ += static_cast<std::uint64_t>(n);
        } else {
            in_pipe_ = static_cast<std::size_t>(n);
        }
    }
    return attempt_by_reading();
}

std::int64_t stream_copy::attempt_by_reading() noexcept {
    for (;;) {
        if (const std::int64_t drained = buffer_.drain_to(*to_)) {
            return drained;
        }
        const ssize_t n = try_read(*from_, buffer_.room());
        if (n <= 0) {
            return n;
        }
        buffer_.filled(static_cast<std::size_t>(n));
        copied_ += static_cast<std::uint64_t>(n);
    }
}

blocking_place stream_copy::waits_for() const noexcept {
    if (in_pipe_ != 0 || !buffer_.empty()) {
        return {.descriptor = to_, .dir = direction::write};
    }
    return {.descriptor = from_, .dir = direction::read};
}

result<std::uint64_t> stream_copy::finish(std::int64_t outcome) const noexcept {
    return count_or_failure(outcome, copied_, operation);
}

int descriptor_send::begin() noexcept {
    if (left_.empty() || descriptors_.size() > most_descriptors) {
        return EINVAL;
    }
    const int error = single_call::begin();
    if (error == 0 && descriptor().proto() != protocol::unix_stream) {
        end();
        return EOPNOTSUPP;  // others throw them away without a word
    }
    return error;
}

std::int64_t descriptor_send::attempt() noexcept {
    if (!descriptors_.empty()) {
        const std::int64_t n = attempt_with_descriptors();
        if (n < 0) {
            return n;
        }
        descriptors_ = {};
        left_ = left_.subspan(static_cast<std::size_t>(n));
    }
    while (!left_.empty()) {
        const ssize_t n = try_write(descriptor(), left_);
        if (n < 0) {
            return n;
        }
        left_ = left_.subspan(static_cast<std::size_t>(n));
    }
    return 0;
}

/// The descriptors come to the peer with the first byte.
std::int64_t descriptor_send::attempt_with_descriptors() noexcept {
    alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(most_descriptors * sizeof(int))> control{};
    iovec part{.iov_base = const_cast<std::byte*>(left_.data()), .iov_len = left_.size()};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = CMSG_SPACE(descriptors_.size_bytes());
    cmsghdr* const header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(descriptors_.size_bytes());
    std::memcpy(CMSG_DATA(header), descriptors_.data(), descriptors_.size_bytes());
    return try_send_message(descriptor(), message);
}

result<void> descriptor_send::finish(std::int64_t outcome) noexcept {
    if (outcome < 0) {
        return failed(outcome, operation);
    }
    return {};
}

int descriptor_receive::begin() noexcept {
    if (bytes_.empty()) {
        return EINVAL;
    }
    try {
        received_.descriptors.reserve(most_descriptors);  // before there are any to lose
    } catch (const std::bad_alloc&) {
        return ENOMEM;
    }
    return single_call::begin();
}

std::int64_t descriptor_receive::attempt() noexcept {
    constexpr std::size_t room_for_others = 256;
    alignas(cmsghdr)
        std::array<std::byte, CMSG_SPACE(most_descriptors * sizeof(int)) + room_for_others>
            control;
    iovec part{.iov_base = bytes_.data(), .iov_len = bytes_.size()};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    const ssize_t n = try_receive_message(descriptor(), message, 0);
    if (n >= 0) {
        take(message);
        received_.size = static_cast<std::size_t>(n);
    }
    return n;
}

void descriptor_receive::take(const msghdr& message) noexcept {
    received_.truncated = (message.msg_flags & MSG_CTRUNC) != 0;
    for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr;
         header = CMSG_NXTHDR(const_cast<msghdr*>(&message), header)) {
        if (header->cmsg_level != SOL_SOCKET ||
            (header->cmsg_type != SCM_RIGHTS && header->cmsg_type != scm_pidfd)) {
            continue;
        }
        const std::size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (std::size_t i = 0; i < count; ++i) {
            int number = -1;
            std::memcpy(&number, CMSG_DATA(header) + i * sizeof number, sizeof number);
            unique_fd owned(number);
            if (header->cmsg_type == SCM_RIGHTS &&
                received_.descriptors.size() < most_descriptors) {
                received_.descriptors.push_back(std::move(owned));
            }
        }
    }
}

result<received_descriptors> descriptor_receive::finish(std::int64_t outcome) noexcept {
    if (outcome < 0) {
        return failed(outcome, operation);
    }
    return std::move(received_);
}

}  // namespace weft::io
