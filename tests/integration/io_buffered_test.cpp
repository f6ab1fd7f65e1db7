// SPDX-License-Identifier: Apache-2.0
//
// Buffers before streams: lines and records that come in any pieces, limits, ends within them,
// deadlines in the midst; by fibers, coroutines and plain threads, on sockets and on a stream of
// the user's own.
#include <gtest/gtest.h>
#include <weft/buffered.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <coroutine>
#include <cstring>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "callers.h"
#include "sockets.h"

namespace weft {
namespace {

using namespace std::chrono_literals;
using namespace testing;

std::string text_of(std::span<const std::byte> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// Hands out what it was given in pieces of some bytes, and keeps what it is given.
class memory_stream {
public:
    explicit memory_stream(std::string text = "", std::size_t piece = 1)
        : text_(std::move(text)), piece_(piece) {}

    result<std::size_t> read(std::span<std::byte> bytes, deadline /*until*/) {
        ++calls;
        if (fail_at && at_ >= *fail_at) {
            return std::unexpected(make_error_code(std::errc::io_error));
        }
        const std::size_t size = std::min({bytes.size(), piece_, text_.size() - at_});
        std::memcpy(bytes.data(), text_.data() + at_, size);
        at_ += size;
        return size;
    }

    result<void> write(std::span<const std::byte> bytes, deadline /*until*/) {
        ++calls;
        if (fail_at && written.size() >= *fail_at) {
            return std::unexpected(make_error_code(std::errc::io_error));
        }
        written += text_of(bytes);
        return {};
    }

    int calls = 0;
    std::string written;
    std::optional<std::size_t> fail_at;

private:
    std::string text_;
    std::size_t piece_;
    std::size_t at_ = 0;
};

template <class T>
struct ready_value {
    T value;
    [[nodiscard]] bool await_ready() const { return true; }
    void await_suspend(std::coroutine_handle<> /*self*/) const {}
    T await_resume() { return std::move(value); }
};

auto async_read(memory_stream& from, std::span<std::byte> bytes, deadline until) {
    return ready_value<result<std::size_t>>{from.read(bytes, until)};
}

auto async_write(memory_stream& to, std::span<const std::byte> bytes, deadline until) {
    return ready_value<result<void>>{to.write(bytes, until)};
}

class IoBuffered : public OnEachCaller {};
INSTANTIATE_TEST_SUITE_P(Callers, IoBuffered, each_caller, name_of_caller);

TEST_P(IoBuffered, LinesInPiecesOfAnySize) {
    const std::string text = "first\nsecond\r\n\n\r\n\rodd\r\r\nlast one\n";
    const std::vector<std::string> lines{"first", "second", "", "", "\rodd\r", "last one"};
    for (const std::size_t piece : {1u, 2u, 3u, 7u, 100u}) {
        for (const std::size_t capacity : {9u, 10u, 64u}) {
            memory_stream stream(text, piece);
            buffered_reader in(stream, capacity);
            for (const std::string& line : lines) {
                const auto got = call(WEFT_BOTH_OF(in, read_line));
                ASSERT_TRUE(got && *got) << piece << " " << capacity;
                ASSERT_EQ(**got, line);
            }
            for (int i = 0; i < 2; ++i) {
                const auto end = call(WEFT_BOTH_OF(in, read_line));
                ASSERT_TRUE(end);
                ASSERT_FALSE(*end) << "the end, and it stays there";
            }
        }
    }
}

TEST_P(IoBuffered, ALineThatIsTooLong) {
    memory_stream stream("0123456789\nabc\n", 4);
    buffered_reader in(stream, 8);
    EXPECT_EQ(call(WEFT_BOTH_OF(in, read_line)).error(), errc::limit_exceeded);
    EXPECT_EQ(text_of(in.buffered()), "01234567") << "nothing is taken";
    EXPECT_EQ(call(WEFT_BOTH_OF(in, read_line)).error(), errc::limit_exceeded);
    in.skip(8);
    EXPECT_EQ(**call(WEFT_BOTH_OF(in, read_line)), "89");
    EXPECT_EQ(call(WEFT_BOTH_OF(in, read_line, std::size_t{3})).error(), errc::limit_exceeded);
    EXPECT_EQ(**call(WEFT_BOTH_OF(in, read_line, std::size_t{4})), "abc");
    EXPECT_EQ(call(WEFT_BOTH_OF(in, read_line, std::size_t{0})).error(), errc::limit_exceeded);
}

TEST_P(IoBuffered, TheEndWithinALine) {
    memory_stream stream("whole\npart", 3);
    buffered_reader in(stream);
    EXPECT_EQ(**call(WEFT_BOTH_OF(in, read_line)), "whole");
    EXPECT_EQ(call(WEFT_BOTH_OF(in, read_line)).error(), errc::unexpected_end_of_stream);
    EXPECT_EQ(text_of(in.buffered()), "part");
    in.skip(1000);
    EXPECT_FALSE(*call(WEFT_BOTH_OF(in, read_line)));
}

TEST_P(IoBuffered, UntilALongDelimiter) {
    const std::string text = "head: 1\r\n\r\r\n\r\nbody\r\n\r\n";
    for (const std::size_t piece : {1u, 2u, 3u, 5u, 100u}) {
        memory_stream stream(text, piece);
        buffered_reader in(stream, 32);
        const auto head = call(WEFT_BOTH_OF(in, read_until, "\r\n\r\n", 32));
        ASSERT_TRUE(head);
        EXPECT_EQ(text_of(*head), "head: 1\r\n\r\r\n\r\n");
        const auto body = call(WEFT_BOTH_OF(in, read_until, "\r\n\r\n", 8));
        ASSERT_TRUE(body) << "just within the limit";
        EXPECT_EQ(text_of(*body), "body\r\n\r\n");
        EXPECT_TRUE(call(WEFT_BOTH_OF(in, read_until, "\r\n\r\n", 8))->empty());
    }
}

TEST_P(IoBuffered, Peek) {
    memory_stream stream("abcdefghij", 3);
    buffered_reader in(stream, 6);
    EXPECT_EQ(text_of(*call(WEFT_BOTH_OF(in, peek, 2))), "abc");
    EXPECT_EQ(text_of(*call(WEFT_BOTH_OF(in, peek, 6))), "abcdef");
    EXPECT_EQ(call(WEFT_BOTH_OF(in, peek, 7)).error(), errc::limit_exceeded);
    in.skip(2);
    EXPECT_EQ(text_of(*call(WEFT_BOTH_OF(in, peek, 6))), "cdefgh") << "moved to the front";
    in.skip(6);
    EXPECT_EQ(call(WEFT_BOTH_OF(in, peek, 3)).error(), errc::unexpected_end_of_stream);
    EXPECT_EQ(text_of(*call(WEFT_BOTH_OF(in, peek, 2))), "ij");
    EXPECT_EQ(text_of(*call(WEFT_BOTH_OF(in, peek, 0))), "ij");
    in.skip(2);
    EXPECT_TRUE(call(WEFT_BOTH_OF(in, peek, 1))->empty()) << "a fine end";
}

TEST_P(IoBuffered, ReadAndReadExactly) {
    memory_stream stream("line\n0123456789abcdefghijrest", 1000);
    buffered_reader in(stream, 8);
    std::string small(2, '.');
    EXPECT_EQ(**call(WEFT_BOTH_OF(in, read_line)), "line");
    EXPECT_EQ(*call(WEFT_BOTH_OF(in, read, writable(small))), 2u);
    EXPECT_EQ(small, "01");
    std::string more(18, '.');
    EXPECT_TRUE(call(WEFT_BOTH_OF(in, read_exactly, writable(more))));
    EXPECT_EQ(more, "23456789abcdefghij");
    EXPECT_TRUE(in.buffered().empty()) << "what is larger than the buffer goes around it";
    EXPECT_EQ(*call(WEFT_BOTH_OF(in, read, std::span<std::byte>())), 0u);
    EXPECT_EQ(*call(WEFT_BOTH_OF(in, read, writable(small))), 2u);
    EXPECT_EQ(text_of(in.buffered()), "st") << "what is smaller goes through it";
    EXPECT_EQ(call(WEFT_BOTH_OF(in, read_exactly, writable(more))).error(),
              errc::unexpected_end_of_stream);
    EXPECT_EQ(*call(WEFT_BOTH_OF(in, read, writable(more))), 0u);
    EXPECT_EQ(*call(WEFT_BOTH_OF(in, read, writable(small))), 0u);
    EXPECT_TRUE(call(WEFT_BOTH_OF(in, read_exactly, std::span<std::byte>())));
}

TEST_P(IoBuffered, AFailingSource) {
    memory_stream stream("good\nbad", 5);
    stream.fail_at = 5;
    buffered_reader in(stream, 16);
    std::string buffer(8, '.');
    EXPECT_EQ(**call(WEFT_BOTH_OF(in, read_line)), "good");
    EXPECT_EQ(call(WEFT_BOTH_OF(in, read_line)).error(), std::errc::io_error);
    EXPECT_EQ(call(WEFT_BOTH_OF(in, peek, 1)).error(), std::errc::io_error);
    EXPECT_EQ(call(WEFT_BOTH_OF(in, read, writable(buffer))).error(), std::errc::io_error);
    EXPECT_EQ(call(WEFT_BOTH_OF(in, read_exactly, writable(buffer))).error(), std::errc::io_error);
}

TEST_P(IoBuffered, WritesGoOutTogether) {
    memory_stream stream;
    buffered_writer out(stream, 8);
    EXPECT_TRUE(call(WEFT_BOTH_OF(out, write, "abc")));
    EXPECT_TRUE(call(WEFT_BOTH_OF(out, write, "")));
    EXPECT_TRUE(call(WEFT_BOTH_OF(out, write, bytes_of("defgh"))));
    EXPECT_EQ(out.buffered(), 8u);
    EXPECT_EQ(stream.calls, 0);
    EXPECT_TRUE(call(WEFT_BOTH_OF(out, write, "i")));
    EXPECT_EQ(stream.written, "abcdefgh");
    EXPECT_EQ(out.buffered(), 1u);
    EXPECT_TRUE(call(WEFT_BOTH_OF(out, write, "more than it holds")));
    EXPECT_EQ(out.buffered(), 0u);
    EXPECT_TRUE(call(WEFT_BOTH_OF(out, write, "end")));
    EXPECT_TRUE(call(WEFT_BOTH_OF(out, flush)));
    const int calls = stream.calls;
    EXPECT_TRUE(call(WEFT_BOTH_OF(out, flush)));
    EXPECT_EQ(stream.calls, calls) << "nothing to do";
    EXPECT_EQ(stream.written, "abcdefghimore than it holdsend");
}

TEST_P(IoBuffered, AWriterThatFailedStaysSo) {
    memory_stream stream;
    stream.fail_at = 4;
    buffered_writer out(stream, 4);
    EXPECT_TRUE(call(WEFT_BOTH_OF(out, write, "good")));
    EXPECT_TRUE(call(WEFT_BOTH_OF(out, flush)));
    EXPECT_TRUE(call(WEFT_BOTH_OF(out, write, "bad")));
    EXPECT_EQ(call(WEFT_BOTH_OF(out, flush)).error(), std::errc::io_error);
    stream.fail_at.reset();
    EXPECT_EQ(call(WEFT_BOTH_OF(out, flush)).error(), std::errc::io_error);
    EXPECT_EQ(call(WEFT_BOTH_OF(out, write, "x")).error(), std::errc::io_error);
    EXPECT_EQ(call(WEFT_BOTH_OF(out, write, "much more")).error(), std::errc::io_error);
    EXPECT_EQ(stream.written, "good");
}

TEST_P(IoBuffered, LinesOverSockets) {
    for (const transport how : {transport::tcp, transport::unix_stream}) {
        auto pair = connect_pair(how);
        std::thread peer([&] {
            buffered_reader in(pair.far, 4096);
            buffered_writer out(pair.far, 4096);
            for (;;) {
                const auto line = in.read_line(safety_net);
                if (!line || !*line) {
                    break;
                }
                ASSERT_TRUE(out.write("re: ") && out.write(**line) && out.write("\n"));
                if (in.buffered().empty()) {
                    ASSERT_TRUE(out.flush(safety_net));
                }
            }
            ASSERT_TRUE(pair.far.shutdown_write());
        });
        buffered_reader in(pair.near, 4096);
        buffered_writer out(pair.near, 4096);
        for (int i = 0; i < 100; ++i) {
            const std::string text(static_cast<std::size_t>(i) * 37 % 3000, 'x');
            for (int k = 0; k < 3; ++k) {
                ASSERT_TRUE(call(WEFT_BOTH_OF(out, write, text, safety_net)));
                ASSERT_TRUE(call(WEFT_BOTH_OF(out, write, "\n", safety_net)));
            }
            ASSERT_TRUE(call(WEFT_BOTH_OF(out, flush, safety_net)));
            for (int k = 0; k < 3; ++k) {
                const auto line = call(WEFT_BOTH_OF(in, read_line, safety_net));
                ASSERT_TRUE(line && *line);
                ASSERT_EQ(**line, "re: " + text);
            }
        }
        ASSERT_TRUE(pair.near.shutdown_write());
        EXPECT_FALSE(*call(WEFT_BOTH_OF(in, read_line, safety_net)));
        peer.join();
    }
}

TEST_P(IoBuffered, ADeadlineOrAStopWithinALine) {
    auto pair = connect_pair(transport::tcp);
    buffered_reader in(pair.near);
    ASSERT_FALSE(write_text(pair.far, "one and "));
    const auto begin = clock::now();
    EXPECT_EQ(call(WEFT_BOTH_OF(in, read_line, 2ms)).error(), std::errc::timed_out);
    EXPECT_GE(clock::now() - begin, 2ms);
    std::stop_source stop;
    const bounds limits{.token = stop.get_token(), .until = {}};
    auto waiting = start_in(limits, WEFT_BOTH_OF(in, read_line));
    stop.request_stop();
    EXPECT_EQ(waiting.get().error(), std::errc::operation_canceled);
    ASSERT_FALSE(write_text(pair.far, "the same\nnext\n"));
    EXPECT_EQ(**call(WEFT_BOTH_OF(in, read_line, safety_net)), "one and the same");
    EXPECT_EQ(**call_in(limits, WEFT_BOTH_OF(in, read_line)), "next")
        << "what need not wait succeeds";
}

// What is written goes past the buffer together with what is in it, in one call.
TEST_P(IoBuffered, LargeWritesOverSockets) {
    auto pair = connect_pair(transport::tcp);
    shrink_buffers(pair.near);
    const std::string much = pattern(300'000);
    std::string got;
    std::thread peer([&] { got = read_exactly(pair.far, 5 + 2 * much.size()); });
    buffered_writer out(pair.near);
    EXPECT_TRUE(call(WEFT_BOTH_OF(out, write, "small", safety_net)));
    EXPECT_TRUE(call(WEFT_BOTH_OF(out, write, much, safety_net)));
    EXPECT_TRUE(call(WEFT_BOTH_OF(out, write, much, safety_net)));
    EXPECT_TRUE(call(WEFT_BOTH_OF(out, flush, safety_net)));
    peer.join();
    EXPECT_TRUE(got == "small" + much + much);
}

TEST_P(IoBuffered, AWriterThatTimedOutIsOfNoUse) {
    auto pair = connect_pair(transport::unix_stream);
    shrink_buffers(pair.near);
    buffered_writer out(pair.near, 64);
    const std::string much = pattern(3'000'000);
    EXPECT_EQ(call(WEFT_BOTH_OF(out, write, much, 3ms)).error(), std::errc::timed_out);
    EXPECT_EQ(call(WEFT_BOTH_OF(out, write, "x")).error(), std::errc::timed_out);
    EXPECT_EQ(call(WEFT_BOTH_OF(out, flush)).error(), std::errc::timed_out);
}

}  // namespace
}  // namespace weft
