// SPDX-License-Identifier: Apache-2.0
//
// Pipes, by fibers, coroutines and plain threads: data, ends, deadlines, stops, close() beside
// calls, SIGPIPE, descriptors from outside, none left.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>
#include <weft/pipe.h>

#include <array>
#include <chrono>
#include <csignal>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <weft/buffered.h>
#include <weft/select.h>

#include "callers.h"
#include "sockets.h"

namespace weft {
namespace {

using namespace std::chrono_literals;
using namespace testing;

constexpr std::errc canceled = std::errc::operation_canceled;

pipe_ends new_pipe() {
    auto ends = make_pipe();
    EXPECT_TRUE(ends);
    return std::move(*ends);
}

/// Until a writer has to wait.
void fill(pipe_writer& in) {
    const std::string page(4096, 'x');
    while (in.write(bytes_of(page), clock::time_point::min())) {
    }
}

std::string take(pipe_reader& out, std::size_t most = 1 << 20) {
    std::string text(most, '\0');
    const auto n = out.read(std::as_writable_bytes(std::span(text)), safety_net);
    text.resize(n ? *n : 0);
    return text;
}

class Pipe : public OnEachCaller {
protected:
    std::array<std::byte, 64> room_{};
};
INSTANTIATE_TEST_SUITE_P(Callers, Pipe, each_caller, name_of_caller);

TEST_P(Pipe, WhatGoesInComesOut) {
    auto [out, in] = new_pipe();
    EXPECT_TRUE(call(WEFT_BOTH_OF(in, write, bytes_of("some text"), safety_net)));
    EXPECT_EQ(*call(WEFT_BOTH_OF(out, read, room_, safety_net)), 9u);
    EXPECT_EQ(std::string(reinterpret_cast<const char*>(room_.data()), 9), "some text");
    EXPECT_TRUE(call(WEFT_BOTH_OF(in, write, std::span<const std::byte>())));
    EXPECT_EQ(*call(WEFT_BOTH_OF(out, read, std::span<std::byte>())), 0u);
}

TEST_P(Pipe, AReaderWaitsForAWriter) {
    auto [out, in] = new_pipe();
    for (int i = 0; i < 100; ++i) {
        auto reading = start(WEFT_BOTH_OF(out, read, room_, safety_net));
        if (i % 2 == 0) {
            EXPECT_EQ(reading.wait_for(100us), std::future_status::timeout);
        }
        ASSERT_TRUE(in.write(bytes_of("abc"), safety_net));
        ASSERT_EQ(*reading.get(), 3u);
    }
}

TEST_P(Pipe, AWriterWaitsForRoom) {
    auto [out, in] = new_pipe();
    const std::string text = pattern(1'000'000);
    auto writing = start(WEFT_BOTH_OF(in, write, bytes_of(text), safety_net));
    std::string got;
    while (got.size() < text.size()) {
        const std::string piece = take(out, 50'000);
        ASSERT_FALSE(piece.empty());
        got += piece;
    }
    EXPECT_TRUE(writing.get());
    EXPECT_EQ(got, text);
}

TEST_P(Pipe, TheEndOfTheStream) {
    auto [out, in] = new_pipe();
    ASSERT_TRUE(in.write(bytes_of("last")));
    auto closing = std::thread([&] { in.close(); });
    closing.join();
    EXPECT_EQ(call(WEFT_BOTH_OF(out, read_exactly, room_, safety_net)).error(),
              errc::unexpected_end_of_stream);
    EXPECT_EQ(*call(WEFT_BOTH_OF(out, read, room_, safety_net)), 0u);
    EXPECT_EQ(*call(WEFT_BOTH_OF(out, read, room_)), 0u) << "again";
}

TEST_P(Pipe, TheEndWhileSomebodyReads) {
    for (int i = 0; i < 20; ++i) {
        auto [out, in] = new_pipe();
        auto reading = start(WEFT_BOTH_OF(out, read, room_, safety_net));
        in.close();
        ASSERT_EQ(*reading.get(), 0u);
    }
}

/// The whole process would end.
TEST_P(Pipe, NobodyReadsAnyMore) {
    struct sigaction standard{};
    standard.sa_handler = SIG_DFL;
    struct sigaction before{};
    ASSERT_EQ(::sigaction(SIGPIPE, &standard, &before), 0);
    for (int i = 0; i < 20; ++i) {
        auto [out, in] = new_pipe();
        fill(in);
        auto writing = start(WEFT_BOTH_OF(in, write, bytes_of("more"), safety_net));
        out.close();
        ASSERT_EQ(writing.get().error(), std::errc::broken_pipe);
        ASSERT_EQ(call(WEFT_BOTH_OF(in, write, bytes_of("more"))).error(), std::errc::broken_pipe);
    }
    ::sigaction(SIGPIPE, &before, nullptr);
}

TEST_P(Pipe, Deadlines) {
    auto [out, in] = new_pipe();
    const auto begin = clock::now();
    EXPECT_EQ(call(WEFT_BOTH_OF(out, read, room_, 2ms)).error(), std::errc::timed_out);
    EXPECT_GE(clock::now() - begin, 2ms);
    fill(in);
    EXPECT_EQ(call(WEFT_BOTH_OF(in, write, bytes_of("more"), 2ms)).error(), std::errc::timed_out);
    EXPECT_EQ(*call(WEFT_BOTH_OF(out, read, room_, clock::time_point::min())), room_.size())
        << "what need not wait succeeds";
}

TEST_P(Pipe, StoppedBeforeAndWhileItWaits) {
    auto [out, in] = new_pipe();
    for (int i = 0; i < 50; ++i) {
        std::stop_source stop;
        const bounds limits{.token = stop.get_token(), .until = {}};
        auto reading = start_in(limits, WEFT_BOTH_OF(out, read, room_));
        if (i % 2 == 0) {
            EXPECT_EQ(reading.wait_for(100us), std::future_status::timeout);
        }
        stop.request_stop();
        ASSERT_EQ(reading.get().error(), canceled);
        ASSERT_EQ(call_in(limits, WEFT_BOTH_OF(out, read, room_)).error(), canceled);
        ASSERT_TRUE(in.write(bytes_of("x")));
        ASSERT_EQ(*call_in(limits, WEFT_BOTH_OF(out, read, room_)), 1u)
            << "what need not wait succeeds";
    }
    fill(in);
    std::stop_source stop;
    const bounds limits{.token = stop.get_token(), .until = {}};
    auto writing = start_in(limits, WEFT_BOTH_OF(in, write, bytes_of("more")));
    stop.request_stop();
    EXPECT_EQ(writing.get().error(), canceled);
}

TEST_P(Pipe, ClosedBesideOtherCalls) {
    for (int i = 0; i < 50; ++i) {
        auto [out, in] = new_pipe();
        auto [other_out, full] = new_pipe();
        fill(full);
        auto reading = start(WEFT_BOTH_OF(out, read, room_));
        auto writing = start(WEFT_BOTH_OF(full, write, bytes_of("more")));
        if (i % 2 == 0) {
            reading.wait_for(100us);
        }
        out.close();
        full.close();
        expect_closed(reading.get().error());
        expect_closed(writing.get().error());
        ASSERT_FALSE(out.is_open());
        ASSERT_EQ(call(WEFT_BOTH_OF(out, read, room_)).error(), std::errc::bad_file_descriptor);
    }
}

TEST_P(Pipe, ClosedWhileAllSleep) {
    auto [out, in] = new_pipe();
    auto reading = start(WEFT_BOTH_OF(out, read, room_));
    EXPECT_TRUE(until_all_others_sleep());
    out.close();
    expect_closed(reading.get().error());
}

task<result<std::size_t>> select_in_coroutine(pipe_reader& out, pipe_writer& in, char& which) {
    co_return co_await co::select(on_readable(out, [&] { which = 'r'; }),
                                  on_writable(in, [&] { which = 'w'; }));
}

TEST_P(Pipe, Select) {
    auto [out, in] = new_pipe();
    auto [other_out, full] = new_pipe();
    fill(full);
    char which = 0;
    const auto selecting = [&] {
        return start(
            [&] {
                return select(on_readable(out, [&] { which = 'r'; }),
                              on_writable(full, [&] { which = 'w'; }));
            },
            [&] { return select_in_coroutine(out, full, which); });
    };
    auto selected = selecting();
    EXPECT_TRUE(until_all_others_sleep());
    ASSERT_TRUE(in.write(bytes_of("x")));
    EXPECT_EQ(*selected.get(), 0u);
    EXPECT_EQ(which, 'r');
    EXPECT_EQ(take(out), "x");
    selected = selecting();
    EXPECT_FALSE(take(other_out).empty());
    EXPECT_EQ(*selected.get(), 1u);
    EXPECT_EQ(which, 'w');
    fill(full);
    selected = selecting();
    EXPECT_TRUE(until_all_others_sleep());
    out.close();
    EXPECT_EQ(*selected.get(), 0u) << "a read would fail at once";
}

TEST_P(Pipe, NoDescriptorsLeft) {
    std::vector<std::error_code> errors;
    auto [out, in] = new_pipe();
    auto [empty, other_in] = new_pipe();
    ASSERT_TRUE(in.write(bytes_of("text")));
    {
        const no_descriptors_left none;
        errors.push_back(error_of(make_pipe()));
        if (who() == caller::thread) {
            errors.push_back(error_of(empty.read(room_, safety_net)));
        }
    }
    expect_no_descriptors(errors);
    EXPECT_EQ(*call(WEFT_BOTH_OF(out, read, room_, safety_net)), 4u);
}

constexpr std::size_t much = 100'000;  // more than a pipe holds

task<> write_in_coroutine(pipe_writer& in) {
    const std::vector<std::byte> bytes(much);
    for (int i = 0; i < 3; ++i) {
        const auto sent = co_await co::write(in, bytes);
        if (!sent) {
            co_return;
        }
    }
}

task<> talk_in_coroutines(pipe_ends& ends) {
    co_await co::with_scope([&](scope& s) -> task<> {
        s.spawn(write_in_coroutine(ends.writer));
        std::vector<std::byte> bytes(much);
        for (int i = 0; i < 3; ++i) {
            const auto got = co_await co::read_exactly(ends.reader, bytes);
            if (!got) {
                co_return;
            }
        }
    });
}

void talk(pipe_ends& a, pipe_ends& b) {
    const std::vector<std::byte> bytes(much);
    with_scope([&](scope& s) {
        s.spawn([&] {
            (void)(a.writer.write(bytes) && a.writer.write(bytes));
            std::array<std::byte, 16> answer{};
            (void)b.reader.read_exactly(answer);
        });
        std::vector<std::byte> got(much);
        (void)(a.reader.read_exactly(got) && a.reader.read_exactly(got) &&
               b.writer.write(std::span(got).first(16)));
    });
}

task<> read_nothing(pipe_reader& out) {
    std::array<std::byte, 16> room{};
    EXPECT_EQ((co_await co::read(out, room)).error(), canceled);
}

task<> write_into_the_full(pipe_writer& in) {
    EXPECT_EQ((co_await co::write(in, bytes_of("more"))).error(), canceled);
}

/// What is certain to wait, as nobody is at the other end.
TEST(PipeCancellation, AtTheFirstWait) {
    runtime home({.workers = 2});
    home.run([] {
        auto [out, in] = new_pipe();
        std::array<std::byte, 16> room{};
        EXPECT_TRUE(stop_at_wait(1, [&] { EXPECT_EQ(out.read(room).error(), canceled); }));
        EXPECT_TRUE(sync_wait(co::stop_at_wait(1, read_nothing(out))));
        fill(in);
        EXPECT_TRUE(
            stop_at_wait(1, [&] { EXPECT_EQ(in.write(bytes_of("more")).error(), canceled); }));
        EXPECT_TRUE(sync_wait(co::stop_at_wait(1, write_into_the_full(in))));
    });
}

// How often these wait is a matter of who is faster: not at all where the other end is ahead.
TEST(PipeCancellation, AtTheNthWaitForAllN) {
    runtime home({.workers = 2});
    const std::size_t open = open_descriptors();
    std::uint64_t n = 1;
    const auto run_stopped = [&] {
        return home.run([&] {
            auto a = new_pipe();
            auto b = new_pipe();
            const bool stopped = stop_at_wait(n, [&] { talk(a, b); });
            // The ends work as before, whatever is left in them.
            fill(b.writer);
            EXPECT_FALSE(take(b.reader).empty());
            return stopped;
        });
    };
    while (run_stopped()) {
        ASSERT_EQ(open_descriptors(), open) << "stopped at wait " << n;
        ASSERT_LT(++n, 10'000u);
    }
}

TEST(PipeCancellation, OfCoroutinesAtTheNthWaitForAllN) {
    runtime home({.workers = 2});
    std::uint64_t n = 0;
    bool stopped = true;
    while (stopped) {
        ASSERT_LT(++n, 10'000u);
        auto ends = new_pipe();
        stopped = home.spawn(co::stop_at_wait(n, talk_in_coroutines(ends))).join();
        fill(ends.writer);
        EXPECT_FALSE(take(ends.reader).empty());
    }
}

TEST(PipeNative, WhatIsRefused) {
    EXPECT_EQ(pipe_reader::from_native(-1).error(), std::errc::bad_file_descriptor);
    EXPECT_EQ(pipe_writer::from_native(1'000'000).error(), std::errc::bad_file_descriptor);
    auto [out, in] = new_pipe();
    EXPECT_EQ(pipe_writer::from_native(out.native_handle()).error(),
              std::errc::bad_file_descriptor);
    EXPECT_EQ(pipe_reader::from_native(in.native_handle()).error(), std::errc::bad_file_descriptor);
    std::array<std::byte, 8> room{};
    pipe_reader none;
    EXPECT_EQ(none.read(room).error(), std::errc::bad_file_descriptor);
    EXPECT_EQ(none.native_handle(), -1);
    EXPECT_EQ(none.release(), -1);
    none.close();
}

TEST(PipeNative, ItsModeIsPutBack) {
    std::array<int, 2> fds{};
    ASSERT_EQ(::pipe2(fds.data(), O_CLOEXEC), 0);
    const int copy = ::dup(fds[0]);
    {
        auto out = pipe_reader::from_native(fds[0]);
        ASSERT_TRUE(out);
        EXPECT_NE(::fcntl(copy, F_GETFL) & O_NONBLOCK, 0);
        EXPECT_EQ(out->release(), fds[0]);
        EXPECT_EQ(::fcntl(copy, F_GETFL) & O_NONBLOCK, 0);
    }
    {
        auto out = pipe_reader::from_native(fds[0]);
    }
    EXPECT_EQ(::fcntl(fds[0], F_GETFL), -1) << "closed";
    EXPECT_EQ(::fcntl(copy, F_GETFL) & O_NONBLOCK, 0);
    ::close(copy);
    ::close(fds[1]);
}

TEST(PipeNative, FilesAndDevices) {
    const temporary_folder folder;
    const std::string path = folder.write("file", "contents");
    runtime home({.workers = 1});
    home.run([&] {
        auto file = pipe_reader::from_native(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
        ASSERT_TRUE(file);
        EXPECT_EQ(take(*file), "contents");
        EXPECT_EQ(take(*file), "");
        auto null = pipe_writer::from_native(::open("/dev/null", O_WRONLY | O_CLOEXEC));
        ASSERT_TRUE(null);
        EXPECT_TRUE(null->write(bytes_of("nothing")));
    });
}

TEST(PipeNative, PacketsAreAllRead) {
    std::array<int, 2> fds{};
    ASSERT_EQ(::pipe2(fds.data(), O_CLOEXEC | O_DIRECT), 0);
    auto out = pipe_reader::from_native(fds[0]);
    auto in = pipe_writer::from_native(fds[1]);
    ASSERT_TRUE(out && in);
    run([&] {
        std::array<std::byte, 16> room{};
        EXPECT_EQ(out->read(room, 1us).error(), std::errc::timed_out);
        ASSERT_TRUE(in->write(bytes_of("ab")) && in->write(bytes_of("c")));
        EXPECT_EQ(*out->read(room, safety_net), 2u);
        EXPECT_EQ(*out->read(room, safety_net), 1u);
    });
}

TEST(PipeLines, Buffered) {
    auto [out, in] = new_pipe();
    run([&] {
        buffered_writer writer(in);
        ASSERT_TRUE(writer.write("one\ntwo\n"));
        ASSERT_TRUE(writer.flush());
        buffered_reader reader(out);
        EXPECT_EQ(*reader.read_line(safety_net), "one");
        EXPECT_EQ(*reader.read_line(safety_net), "two");
    });
}

}  // namespace
}  // namespace weft
