// SPDX-License-Identifier: Apache-2.0
//
// buffered_reader and buffered_writer: a buffer of a fixed size before a stream, for protocols of
// lines and of small records. No peer can make them take more memory than they began with.
//
//     weft::buffered_reader in(peer);
//     weft::buffered_writer out(peer);
//     for (;;) {
//         const auto line = in.read_line(30s);
//         if (!line || !*line) {
//             break;  // a failure, or the end
//         }
//         if (!out.write("you said ") || !out.write(**line) || !out.write("\n") || !out.flush()) {
//             break;
//         }
//     }
//
// The stream may be anything that reads and writes as weft::socket does (byte_source, byte_sink);
// coroutines say `co_await co::read_line(in)`, for which the stream needs async_read() and
// async_write() (at the end of this file). It must live as long as the buffer and be used through
// it only.
//
// What a reader returns a view of stays until the next call on it. A call that ends with
// std::errc::timed_out or std::errc::operation_canceled leaves what has come in the buffer: it may
// be repeated.
//
// Not thread-safe. One fiber may read while another one writes.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <system_error>
#include <utility>

#include <weft/error.h>
#include <weft/task.h>
#include <weft/time.h>

namespace weft {

/// What a buffered_reader reads from: it has the read() of a socket, pipe or file.
template <class Source>
concept byte_source = requires(Source& source, std::span<std::byte> bytes, deadline until) {
    { source.read(bytes, until) } -> std::same_as<result<std::size_t>>;
};

/// What a buffered_writer writes to: it has the write() of a socket, pipe or file.
template <class Sink>
concept byte_sink = requires(Sink& sink, std::span<const std::byte> bytes, deadline until) {
    { sink.write(bytes, until) } -> std::same_as<result<void>>;
};

namespace detail {

/// The buffer of a reader, and how to find things in it; the same for all sources and callers.
class read_buffer {
public:
    explicit read_buffer(std::size_t capacity)
        : bytes_(std::make_unique_for_overwrite<std::byte[]>(std::max<std::size_t>(capacity, 1))),
          capacity_(std::max<std::size_t>(capacity, 1)) {}

    [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }
    [[nodiscard]] std::span<const std::byte> content() const noexcept {
        return {bytes_.get() + begin_, end_ - begin_};
    }

    void consume(std::size_t size) noexcept { begin_ += std::min(size, end_ - begin_); }

    /// Where the next bytes go. Not empty unless the buffer is full.
    std::span<std::byte> room() noexcept {
        if (begin_ == end_) {
            begin_ = end_ = 0;
        } else if (end_ == capacity_ && begin_ != 0) {
            std::memmove(bytes_.get(), bytes_.get() + begin_, end_ - begin_);
            end_ -= std::exchange(begin_, 0);
        }
        return {bytes_.get() + end_, capacity_ - end_};
    }
    void filled(std::size_t size) noexcept { end_ += size; }

    /// Moves as much as there is; returns how much.
    std::size_t take(std::span<std::byte> bytes) noexcept {
        const std::size_t size = std::min(bytes.size(), end_ - begin_);
        if (size != 0) {
            std::memcpy(bytes.data(), bytes_.get() + begin_, size);
        }
        begin_ += size;
        return size;
    }

    /// Something that a reader waits for. Each says what it has found in the buffer, or nothing:
    /// more must come. `ended`: nothing more will.
    using found = std::optional<result<std::span<const std::byte>>>;

    struct delimited {
        std::string_view delimiter;
        std::size_t limit;
        std::size_t searched = 0;

        found operator()(read_buffer& in, bool ended) noexcept {
            const auto content = in.content();
            const std::size_t most = std::min({limit, in.capacity(), content.size()});
            const std::string_view text(reinterpret_cast<const char*>(content.data()), most);
            const std::size_t at = text.find(delimiter, searched);
            if (at != text.npos) {
                const std::size_t size = at + delimiter.size();
                in.consume(size);
                return content.first(size);
            }
            if (most == std::min(limit, in.capacity())) {
                return std::unexpected(error(errc::limit_exceeded, "read"));
            }
            if (ended) {
                return at_end(content);
            }
            searched = most - std::min(most, delimiter.size() - 1);
            return std::nullopt;
        }
    };

    struct at_least {
        std::size_t size;

        found operator()(const read_buffer& in, bool ended) const noexcept {
            const auto content = in.content();
            if (size > in.capacity()) {
                return std::unexpected(error(errc::limit_exceeded, "read"));
            }
            if (content.size() >= size) {
                return content;
            }
            if (ended) {
                return at_end(content);
            }
            return std::nullopt;
        }
    };

private:
    /// Nothing is a fine end, something is none.
    static found at_end(std::span<const std::byte> content) noexcept {
        if (!content.empty()) {
            return std::unexpected(error(errc::unexpected_end_of_stream, "read"));
        }
        return content;
    }

    std::unique_ptr<std::byte[]> bytes_;
    std::size_t capacity_;
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
};

/// A line without its end, of what delimited("\n") found.
inline result<std::optional<std::string_view>> line_of(
    const result<std::span<const std::byte>>& found) noexcept {
    if (!found) {
        return std::unexpected(found.error());
    }
    if (found->empty()) {
        return std::nullopt;
    }
    std::string_view line(reinterpret_cast<const char*>(found->data()), found->size() - 1);
    if (line.ends_with('\r')) {
        line.remove_suffix(1);
    }
    return line;
}

}  // namespace detail

template <byte_source Source>
class buffered_reader;
template <byte_sink Sink>
class buffered_writer;

namespace coro {
struct buffered_calls;
}

/// Reads lines, records and blocks through a buffer. It refers to the source, which must live
/// longer. One caller at a time, as of the source; a call that failed at a deadline or by a stop
/// loses nothing unless it says so.
template <byte_source Source>
class buffered_reader {
public:
    static constexpr std::size_t default_capacity = 16 * 1024;

    /// A buffer of `capacity` bytes, for as long as it lives. Throws std::bad_alloc.
    explicit buffered_reader(Source& source, std::size_t capacity = default_capacity)
        : source_(&source), buffer_(capacity) {}
    buffered_reader(const buffered_reader&) = delete;
    buffered_reader& operator=(const buffered_reader&) = delete;

    /// The next line without its "\n" or "\r\n"; none at the end of the stream. With its end it may
    /// have `limit` bytes, and not more than the buffer: else errc::limit_exceeded, and it is still
    /// there. errc::unexpected_end_of_stream: the stream ended within a line; buffered() is what
    /// came of it.
    result<std::optional<std::string_view>> read_line(std::size_t limit, deadline until = {}) {
        return detail::line_of(read_until("\n", limit, until));
    }
    /// The same; the limit is the buffer's capacity().
    result<std::optional<std::string_view>> read_line(deadline until = {}) {
        return read_line(buffer_.capacity(), until);
    }

    /// The next bytes up to `delimiter`, which is not empty, and with it; none at the end of the
    /// stream. Errors as above.
    result<std::span<const std::byte>> read_until(std::string_view delimiter, std::size_t limit,
                                                  deadline until = {}) {
        return wait_for(detail::read_buffer::delimited{delimiter, limit}, until);
    }

    /// Waits until the buffer holds `size` bytes and returns all that it holds, which are still
    /// there afterwards; nothing at the end of the stream. errc::limit_exceeded: the buffer is
    /// smaller. errc::unexpected_end_of_stream: something is left, but less.
    result<std::span<const std::byte>> peek(std::size_t size, deadline until = {}) {
        return wait_for(detail::read_buffer::at_least{size}, until);
    }

    /// As socket::read. What does not fit into the buffer does not go through it.
    result<std::size_t> read(std::span<std::byte> bytes, deadline until = {}) {
        if (bytes.empty() || !buffer_.content().empty()) {
            return buffer_.take(bytes);
        }
        if (bytes.size() >= buffer_.capacity()) {
            return source_->read(bytes, until);
        }
        const auto n = source_->read(buffer_.room(), until);
        if (n) {
            buffer_.filled(*n);
            return buffer_.take(bytes);
        }
        return n;
    }

    /// Fills `bytes`. errc::unexpected_end_of_stream if the stream ends before that; after a
    /// failure what has come is lost.
    result<void> read_exactly(std::span<std::byte> bytes, deadline until = {}) {
        while (!bytes.empty()) {
            const auto n = read(bytes, until);
            if (!n) {
                return std::unexpected(n.error());
            }
            if (*n == 0) {
                return std::unexpected(error(errc::unexpected_end_of_stream, "read_exactly"));
            }
            bytes = bytes.subspan(*n);
        }
        return {};
    }

    /// What has come and was not taken yet.
    [[nodiscard]] std::span<const std::byte> buffered() const noexcept { return buffer_.content(); }

    /// Drops so much of buffered().
    void skip(std::size_t size) noexcept { buffer_.consume(size); }

    /// Bytes of the buffer. It does not change.
    [[nodiscard]] std::size_t capacity() const noexcept { return buffer_.capacity(); }

private:
    friend struct coro::buffered_calls;

    template <class Wanted>
    result<std::span<const std::byte>> wait_for(Wanted wanted, deadline until) {
        auto found = wanted(buffer_, false);
        while (!found) {
            const auto n = source_->read(buffer_.room(), until);
            if (!n) {
                return std::unexpected(n.error());
            }
            buffer_.filled(*n);
            found = wanted(buffer_, *n == 0);
        }
        return *found;
    }

    Source* source_;
    detail::read_buffer buffer_;
};

/// Gathers small writes in a buffer. It refers to the sink, which must live longer. One caller at a
/// time.
template <byte_sink Sink>
class buffered_writer {
public:
    static constexpr std::size_t default_capacity = 16 * 1024;

    /// A buffer of `capacity` bytes, for as long as it lives. Throws std::bad_alloc. What was not
    /// flushed when it ends is lost.
    explicit buffered_writer(Sink& sink, std::size_t capacity = default_capacity)
        : sink_(&sink),
          bytes_(std::make_unique_for_overwrite<std::byte[]>(std::max<std::size_t>(capacity, 1))),
          capacity_(std::max<std::size_t>(capacity, 1)) {}
    buffered_writer(const buffered_writer&) = delete;
    buffered_writer& operator=(const buffered_writer&) = delete;

    /// Into the buffer, if they fit; else what it holds and `bytes` are written to the stream.
    /// After a failure, be it a timeout, it is unknown how much the peer got: the writer is of no
    /// use any more, and all calls report the same.
    result<void> write(std::span<const std::byte> bytes, deadline until = {}) {
        if (append(bytes)) {
            return {};
        }
        if (failure_) {
            return std::unexpected(failure_);
        }
        return write_through(bytes, until);
    }
    /// The same for the bytes of a text.
    result<void> write(std::string_view text, deadline until = {}) {
        return write(std::as_bytes(std::span(text)), until);
    }

    /// Writes what is in the buffer.
    result<void> flush(deadline until = {}) {
        if (failure_) {
            return std::unexpected(failure_);
        }
        if (size_ == 0) {
            return {};
        }
        return note(sink_->write(content(), until));
    }

    /// How many bytes wait for a flush().
    [[nodiscard]] std::size_t buffered() const noexcept { return size_; }

    /// Bytes of the buffer. It does not change.
    [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }

private:
    friend struct coro::buffered_calls;

    [[nodiscard]] std::span<const std::byte> content() const noexcept {
        return {bytes_.get(), size_};
    }

    /// False if they do not fit, or a call has failed.
    bool append(std::span<const std::byte> bytes) noexcept {
        if (failure_ || bytes.size() > capacity_ - size_) {
            return false;
        }
        if (!bytes.empty()) {
            std::memcpy(bytes_.get() + size_, bytes.data(), bytes.size());
        }
        size_ += bytes.size();
        return true;
    }

    /// What became of all that was in the buffer.
    result<void> note(const result<void>& written) noexcept {
        if (written) {
            size_ = 0;
        } else {
            failure_ = written.error();
        }
        return written;
    }

    /// `bytes` do not fit beside what is in the buffer.
    result<void> write_through(std::span<const std::byte> bytes, deadline until) {
        if constexpr (requires(std::span<const std::span<const std::byte>> parts) {
                          { sink_->writev(parts, until) } -> std::same_as<result<void>>;
                      }) {
            const std::span<const std::byte> both[]{content(), bytes};
            return note(sink_->writev(std::span<const std::span<const std::byte>>(both), until));
        } else {
            const auto flushed = flush(until);
            if (!flushed || append(bytes)) {
                return flushed;
            }
            return note(sink_->write(bytes, until));
        }
    }

    Sink* sink_;
    std::unique_ptr<std::byte[]> bytes_;
    std::size_t capacity_;
    std::size_t size_ = 0;
    error failure_;
};

// For coroutines. A stream takes part by two functions in its own namespace, which return what
// co_await makes a result<std::size_t> and a result<void> of. Those of sockets and pipes are in
// <weft/co.h>, those of tls_socket and file beside them:
//
//     auto async_read(my_stream&, std::span<std::byte> bytes, deadline until);
//     auto async_write(my_stream&, std::span<const std::byte> bytes, deadline until);

namespace coro {

struct buffered_calls {
    template <class Source, class Wanted>
    static task<result<std::span<const std::byte>>> wait_for(buffered_reader<Source>& in,
                                                             Wanted wanted, deadline until) {
        auto found = wanted(in.buffer_, false);
        while (!found) {
            const result<std::size_t> n =
                co_await async_read(*in.source_, in.buffer_.room(), until);
            if (!n) {
                co_return std::unexpected(n.error());
            }
            in.buffer_.filled(*n);
            found = wanted(in.buffer_, *n == 0);
        }
        co_return *found;
    }

    template <class Source>
    static task<result<std::optional<std::string_view>>> read_line(buffered_reader<Source>& in,
                                                                   std::size_t limit,
                                                                   deadline until) {
        const auto found =
            co_await wait_for(in, detail::read_buffer::delimited{"\n", limit}, until);
        co_return detail::line_of(found);
    }

    template <class Source>
    static task<result<std::size_t>> read(buffered_reader<Source>& in, std::span<std::byte> bytes,
                                          deadline until) {
        if (!bytes.empty() && in.buffer_.content().empty()) {
            const bool direct = bytes.size() >= in.buffer_.capacity();
            const result<std::size_t> n =
                co_await async_read(*in.source_, direct ? bytes : in.buffer_.room(), until);
            if (!n || direct) {
                co_return n;
            }
            in.buffer_.filled(*n);
        }
        co_return in.buffer_.take(bytes);
    }

    template <class Source>
    static task<result<void>> read_exactly(buffered_reader<Source>& in, std::span<std::byte> bytes,
                                           deadline until) {
        while (!bytes.empty()) {
            const result<std::size_t> n = co_await read(in, bytes, until);
            if (!n) {
                co_return std::unexpected(n.error());
            }
            if (*n == 0) {
                co_return std::unexpected(error(errc::unexpected_end_of_stream, "read_exactly"));
            }
            bytes = bytes.subspan(*n);
        }
        co_return result<void>();
    }

    template <class Sink>
    static task<result<void>> write(buffered_writer<Sink>& out, std::span<const std::byte> bytes,
                                    deadline until) {
        if (out.append(bytes)) {
            co_return result<void>();
        }
        const result<void> flushed = co_await flush(out, until);
        if (!flushed || out.append(bytes)) {
            co_return flushed;
        }
        const result<void> written = co_await async_write(*out.sink_, bytes, until);
        co_return out.note(written);
    }

    template <class Sink>
    static task<result<void>> flush(buffered_writer<Sink>& out, deadline until) {
        if (out.failure_) {
            co_return std::unexpected(out.failure_);
        }
        if (out.size_ == 0) {
            co_return result<void>();
        }
        const result<void> written = co_await async_write(*out.sink_, out.content(), until);
        co_return out.note(written);
    }
};

}  // namespace coro

namespace co {

/// As buffered_reader::read_line.
template <class Source>
auto read_line(buffered_reader<Source>& in, std::size_t limit, deadline until = {}) {
    return coro::buffered_calls::read_line(in, limit, until);
}
/// The same; the limit is the buffer's capacity().
template <class Source>
auto read_line(buffered_reader<Source>& in, deadline until = {}) {
    return coro::buffered_calls::read_line(in, in.capacity(), until);
}

/// As buffered_reader::read_until. `delimiter` must live until then.
template <class Source>
auto read_until(buffered_reader<Source>& in, std::string_view delimiter, std::size_t limit,
                deadline until = {}) {
    return coro::buffered_calls::wait_for(in, detail::read_buffer::delimited{delimiter, limit},
                                          until);
}

/// As buffered_reader::peek.
template <class Source>
auto peek(buffered_reader<Source>& in, std::size_t size, deadline until = {}) {
    return coro::buffered_calls::wait_for(in, detail::read_buffer::at_least{size}, until);
}

/// As buffered_reader::read.
template <class Source>
auto read(buffered_reader<Source>& in, std::span<std::byte> bytes, deadline until = {}) {
    return coro::buffered_calls::read(in, bytes, until);
}

/// As buffered_reader::read_exactly.
template <class Source>
auto read_exactly(buffered_reader<Source>& in, std::span<std::byte> bytes, deadline until = {}) {
    return coro::buffered_calls::read_exactly(in, bytes, until);
}

/// As buffered_writer::write. The bytes must live until then.
template <class Sink>
auto write(buffered_writer<Sink>& out, std::span<const std::byte> bytes, deadline until = {}) {
    return coro::buffered_calls::write(out, bytes, until);
}
/// The same for the bytes of a text, which must live until then, too.
template <class Sink>
auto write(buffered_writer<Sink>& out, std::string_view text, deadline until = {}) {
    return coro::buffered_calls::write(out, std::as_bytes(std::span(text)), until);
}

/// As buffered_writer::flush.
template <class Sink>
auto flush(buffered_writer<Sink>& out, deadline until = {}) {
    return coro::buffered_calls::flush(out, until);
}

}  // namespace co

}  // namespace weft
