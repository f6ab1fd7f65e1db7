// SPDX-License-Identifier: Apache-2.0
//
// What sockets do beyond read() and write(): several parts, all of the bytes, files, copies from
// one to the other, descriptors and credentials; by fibers, coroutines and plain threads.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>
#include <weft/socket.h>

#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <future>
#include <span>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "callers.h"
#include "sockets.h"

namespace weft {
namespace {

using namespace std::chrono_literals;
using namespace testing;

/// A file that holds `text`.
class file {
public:
    explicit file(const std::string& text) : fd_(::open(path_.c_str(), flags, 0600)) {
        EXPECT_EQ(::write(fd_, text.data(), text.size()), static_cast<ssize_t>(text.size()));
    }
    ~file() { ::close(fd_); }
    file(const file&) = delete;
    file& operator=(const file&) = delete;

    [[nodiscard]] int fd() const { return fd_; }

private:
    static constexpr int flags = O_RDWR | O_CREAT | O_CLOEXEC;
    temporary_folder folder_;
    std::string path_ = folder_ / "file";
    int fd_;
};

/// Reads all that comes, slowly, beside the test.
std::future<std::string> read_to_the_end(socket& from, std::size_t most_at_once = 30'000) {
    return std::async(std::launch::async, [&from, most_at_once] {
        std::string all;
        for (std::string part = read_text(from, most_at_once); !part.empty();
             part = read_text(from, most_at_once)) {
            all += part;
        }
        return all;
    });
}

class IoCalls : public OnEachCaller {
protected:
    static constexpr std::array both{transport::tcp, transport::unix_stream};
};
INSTANTIATE_TEST_SUITE_P(Callers, IoCalls, each_caller, name_of_caller);

TEST_P(IoCalls, ReadvFillsPartAfterPart) {
    for (const transport how : both) {
        auto pair = connect_pair(how);
        std::string a(3, '.');
        std::string b(4, '.');
        std::string c(10, '.');
        const std::array parts{writable(a), std::span<std::byte>(), writable(b), writable(c)};
        ASSERT_FALSE(write_text(pair.near, "abcdefghi"));
        EXPECT_EQ(*call(WEFT_BOTH_OF(pair.far, readv, parts, safety_net)), 9u);
        EXPECT_EQ(a + b + c, "abcdefghi........");
        auto waiting = start(WEFT_BOTH_OF(pair.far, readv, parts, safety_net));
        ASSERT_FALSE(write_text(pair.near, "X"));
        EXPECT_EQ(*waiting.get(), 1u);
        EXPECT_EQ(a, "Xbc");
        EXPECT_EQ(call(WEFT_BOTH_OF(pair.far, readv, parts, 1ms)).error(), std::errc::timed_out);
        const std::array<std::span<std::byte>, 2> empty{};
        EXPECT_EQ(*call(WEFT_BOTH_OF(pair.far, readv, empty)), 0u);
        ASSERT_TRUE(pair.near.shutdown_write());
        EXPECT_EQ(*call(WEFT_BOTH_OF(pair.far, readv, parts, safety_net)), 0u);
    }
}

TEST_P(IoCalls, WritevWritesAllOfManyParts) {
    for (const transport how : both) {
        auto pair = connect_pair(how);
        shrink_buffers(pair.near);
        const std::string text = pattern(700'000);
        std::vector<std::span<const std::byte>> parts;
        for (std::size_t at = 0, size = 0; at < text.size();
             at += size, size = (size + 41) % 9000) {
            parts.push_back(bytes_of(std::string_view(text).substr(at, size)));
        }
        ASSERT_GT(parts.size(), 130u);
        auto got = read_to_the_end(pair.far);
        EXPECT_TRUE(call(WEFT_BOTH_OF(pair.near, writev, parts, safety_net)));
        EXPECT_TRUE(call(WEFT_BOTH_OF(pair.near, writev, parts)));
        const std::span<const std::span<const std::byte>> none;
        EXPECT_TRUE(call(WEFT_BOTH_OF(pair.near, writev, none)));
        pair.near.close();
        EXPECT_TRUE(got.get() == text + text);
    }
}

TEST_P(IoCalls, WritevOfAList) {
    auto pair = connect_pair(transport::tcp);
    ASSERT_TRUE(pair.near.writev({bytes_of("head"), bytes_of(""), bytes_of("body")}, safety_net));
    EXPECT_EQ(read_exactly(pair.far, 8), "headbody");
}

TEST_P(IoCalls, WritevTimesOutAndIsCancelled) {
    auto pair = connect_pair(transport::unix_stream);
    shrink_buffers(pair.near);
    const std::string much = pattern(3'000'000);
    const std::array parts{bytes_of("x"), bytes_of(much)};
    const auto begin = clock::now();
    EXPECT_EQ(call(WEFT_BOTH_OF(pair.near, writev, parts, 3ms)).error(), std::errc::timed_out);
    EXPECT_GE(clock::now() - begin, 3ms);
    std::stop_source stop;
    auto waiting =
        start_in({.token = stop.get_token(), .until = {}}, WEFT_BOTH_OF(pair.near, writev, parts));
    stop.request_stop();
    EXPECT_EQ(waiting.get().error(), std::errc::operation_canceled);
    pair.near.close();
    EXPECT_EQ(call(WEFT_BOTH_OF(pair.near, writev, parts)).error(), std::errc::bad_file_descriptor);
}

TEST_P(IoCalls, ReadExactly) {
    for (const transport how : both) {
        auto pair = connect_pair(how);
        std::string got(300'000, '.');
        const std::string text = pattern(got.size());
        std::thread writer([&] {
            for (std::size_t at = 0; at < text.size(); at += 50'000) {
                EXPECT_FALSE(write_text(pair.near, std::string_view(text).substr(at, 50'000)));
            }
        });
        EXPECT_TRUE(call(WEFT_BOTH_OF(pair.far, read_exactly, writable(got), safety_net)));
        writer.join();
        EXPECT_TRUE(got == text);
        const std::span<std::byte> none;
        EXPECT_TRUE(call(WEFT_BOTH_OF(pair.far, read_exactly, none)));
        EXPECT_EQ(call(WEFT_BOTH_OF(pair.far, read_exactly, writable(got), 1ms)).error(),
                  std::errc::timed_out);
        ASSERT_FALSE(write_text(pair.near, "too little"));
        ASSERT_TRUE(pair.near.shutdown_write());
        EXPECT_EQ(call(WEFT_BOTH_OF(pair.far, read_exactly, writable(got), safety_net)).error(),
                  errc::unexpected_end_of_stream);
        EXPECT_EQ(call(WEFT_BOTH_OF(pair.far, read_exactly, writable(got), safety_net)).error(),
                  errc::unexpected_end_of_stream);
    }
}

TEST_P(IoCalls, CloseEndsWhoWaits) {
    for (int i = 0; i < 20; ++i) {
        auto pair = connect_pair(both[static_cast<std::size_t>(i) % 2]);
        std::string buffer(10, '.');
        auto waiting = start(WEFT_BOTH_OF(pair.far, read_exactly, writable(buffer)));
        if (i % 3 != 0) {
            waiting.wait_for(200us);
        }
        pair.far.close();
        const std::error_code error = waiting.get().error();
        EXPECT_TRUE(error == std::errc::operation_canceled ||
                    error == std::errc::bad_file_descriptor)
            << error.message();
    }
    socket none;
    std::string buffer(10, '.');
    EXPECT_EQ(call(WEFT_BOTH_OF(none, read_exactly, writable(buffer))).error(),
              std::errc::bad_file_descriptor);
}

TEST_P(IoCalls, SendFile) {
    const std::string text = pattern(1'500'000);
    const file from(text);
    for (const transport how : both) {
        auto pair = connect_pair(how);
        shrink_buffers(pair.near);
        auto got = read_to_the_end(pair.far);
        EXPECT_EQ(*call(WEFT_BOTH(send_file(pair.near, from.fd(), 0, text.size(), safety_net))),
                  text.size());
        EXPECT_EQ(*call(WEFT_BOTH(send_file(pair.near, from.fd(), 1000, 500))), 500u);
        EXPECT_EQ(*call(WEFT_BOTH(send_file(pair.near, from.fd(), text.size() - 7, 1'000'000))), 7u)
            << "the file ends";
        EXPECT_EQ(*call(WEFT_BOTH(send_file(pair.near, from.fd(), text.size() + 7, 10))), 0u);
        EXPECT_EQ(*call(WEFT_BOTH(send_file(pair.near, from.fd(), 0, 0))), 0u);
        ASSERT_FALSE(write_text(pair.near, "end")) << "the socket is as good as before";
        pair.near.close();
        EXPECT_TRUE(got.get() ==
                    text + text.substr(1000, 500) + text.substr(text.size() - 7) + "end");
    }
}

TEST_P(IoCalls, SendFileOfWhatTheKernelDoesNotSend) {
    const int zero = ::open("/dev/zero", O_RDONLY | O_CLOEXEC);
    const std::array<int, 2> files{zero, ::open("/proc/self/status", O_RDONLY | O_CLOEXEC)};
    for (const int each : files) {
        auto pair = connect_pair(transport::tcp);
        auto got = read_to_the_end(pair.far);
        const auto sent = call(WEFT_BOTH(send_file(pair.near, each, 0, 200'000, safety_net)));
        ASSERT_TRUE(sent) << sent.error().message();
        EXPECT_GT(*sent, 100u);
        pair.near.close();
        EXPECT_EQ(got.get().size(), *sent);
        ::close(each);
    }
    auto pair = connect_pair(transport::tcp);
    EXPECT_EQ(call(WEFT_BOTH(send_file(pair.near, -1, 0, 10))).error(),
              std::errc::bad_file_descriptor);
    EXPECT_EQ(call(WEFT_BOTH(send_file(pair.near, 0, ~std::uint64_t{0}, 10))).error(),
              std::errc::invalid_argument);
    EXPECT_FALSE(call(WEFT_BOTH(send_file(pair.near, pair.far.native_handle(), 0, 10, 1s))));
}

// No call of these has a flag against SIGPIPE, whose default is to end the process.
TEST_P(IoCalls, ThePeerIsGoneWithoutSigpipe) {
    const file from(pattern(3'000'000));
    for (const transport how : both) {
        auto pair = connect_pair(how);
        auto source = connect_pair(how);
        shrink_buffers(pair.near);
        auto waiting = start(WEFT_BOTH(send_file(pair.near, from.fd(), 0, 3'000'000)));
        EXPECT_FALSE(read_exactly(pair.far, 1000).empty());  // it is in its call
        reset(pair.far);
        const std::error_code first = waiting.get().error();
        EXPECT_TRUE(first == std::errc::broken_pipe || first == std::errc::connection_reset)
            << first.message();
        EXPECT_EQ(call(WEFT_BOTH(send_file(pair.near, from.fd(), 0, 1000))).error(),
                  std::errc::broken_pipe);
        ASSERT_FALSE(write_text(source.near, "for nobody"));
        EXPECT_EQ(call(WEFT_BOTH(copy_stream(source.far, pair.near))).error(),
                  std::errc::broken_pipe);
    }
    sigset_t pending;
    sigset_t blocked;
    ::sigpending(&pending);
    ::pthread_sigmask(SIG_SETMASK, nullptr, &blocked);
    EXPECT_EQ(::sigismember(&pending, SIGPIPE), 0);
    EXPECT_EQ(::sigismember(&blocked, SIGPIPE), 0);
}

TEST_P(IoCalls, SendFileIsBounded) {
    const file from(pattern(3'000'000));
    auto pair = connect_pair(transport::tcp);
    shrink_buffers(pair.near);
    shrink_buffers(pair.far);
    const auto begin = clock::now();
    EXPECT_EQ(call(WEFT_BOTH(send_file(pair.near, from.fd(), 0, 3'000'000, 3ms))).error(),
              std::errc::timed_out);
    EXPECT_GE(clock::now() - begin, 3ms);
    std::stop_source stop;
    auto waiting = start_in(
        {.token = stop.get_token(), .until = {}},
        [&]() -> result<void> {
            for (;;) {
                const auto sent = send_file(pair.near, from.fd(), 0, 3'000'000);
                if (!sent) {
                    return std::unexpected(sent.error());
                }
            }
        },
        [&]() -> task<result<void>> {
            for (;;) {
                const auto sent = co_await co::send_file(pair.near, from.fd(), 0, 3'000'000);
                if (!sent) {
                    co_return std::unexpected(sent.error());
                }
            }
        });
    stop.request_stop();
    EXPECT_EQ(waiting.get().error(), std::errc::operation_canceled);
}

TEST_P(IoCalls, CopyBothWays) {
    for (const transport in : both) {
        for (const transport out : both) {
            auto left = connect_pair(in);
            auto right = connect_pair(out);
            shrink_buffers(right.near);
            const std::string there = pattern(800'000);
            const std::string back = pattern(300'000);
            auto forth = start(
                [&] {
                    const auto n = copy_stream(left.far, right.near, safety_net);
                    return right.near.shutdown_write() && n ? *n : 0;
                },
                [&]() -> task<std::uint64_t> {
                    const auto n = co_await co::copy_stream(left.far, right.near, safety_net);
                    co_return right.near.shutdown_write() && n ? *n : 0;
                });
            auto other_way = start(
                [&] {
                    const auto n = copy_stream(right.near, left.far);
                    return left.far.shutdown_write() && n ? *n : 0;
                },
                [&]() -> task<std::uint64_t> {
                    const auto n = co_await co::copy_stream(right.near, left.far);
                    co_return left.far.shutdown_write() && n ? *n : 0;
                });
            auto at_right = read_to_the_end(right.far);
            auto at_left = read_to_the_end(left.near);
            std::thread answers([&] {
                EXPECT_FALSE(write_text(right.far, back));
                EXPECT_TRUE(right.far.shutdown_write());
            });
            for (std::size_t at = 0; at < there.size(); at += 80'000) {
                ASSERT_FALSE(write_text(left.near, std::string_view(there).substr(at, 80'000)));
            }
            ASSERT_TRUE(left.near.shutdown_write());
            EXPECT_EQ(forth.get(), there.size());
            EXPECT_EQ(other_way.get(), back.size());
            EXPECT_TRUE(at_right.get() == there);
            EXPECT_TRUE(at_left.get() == back);
            answers.join();
        }
    }
}

TEST_P(IoCalls, CopyToItselfIsAnEcho) {
    auto pair = connect_pair(transport::tcp);
    auto echo = start(WEFT_BOTH(copy_stream(pair.far, pair.far)));
    for (int i = 0; i < 100; ++i) {
        const std::string text = "message " + std::to_string(i);
        ASSERT_FALSE(write_text(pair.near, text));
        ASSERT_EQ(read_exactly(pair.near, text.size()), text);
    }
    pair.near.close();
    EXPECT_GT(*echo.get(), 900u);
}

// Without a descriptor for a pipe it is done with a buffer.
TEST_P(IoCalls, CopyWithoutDescriptors) {
    auto left = connect_pair(transport::tcp);
    auto right = connect_pair(transport::unix_stream);
    shrink_buffers(right.near);
    const std::string text = pattern(400'000);
    runtime other({.workers = 1});
    other.run([] {});
    std::uint64_t copied = 0;
    std::error_code error;
    {
        std::string got(text.size(), '.');
        std::thread writer([&] {
            EXPECT_FALSE(write_text(left.near, text));
            EXPECT_TRUE(left.near.shutdown_write());
        });
        std::thread reader([&] { EXPECT_TRUE(read_exactly(right.far, text.size()) == text); });
        EXPECT_TRUE(call([] { return true; }, []() -> task<bool> { co_return true; }));
        {
            const no_descriptors_left none;
            const auto outcome = call(WEFT_BOTH(copy_stream(left.far, right.near, safety_net)));
            error = error_of(outcome);
            copied = outcome ? *outcome : 0;
        }
        writer.join();
        reader.join();
    }
    EXPECT_FALSE(error) << error.message();
    EXPECT_EQ(copied, text.size());
}

TEST_P(IoCalls, CopyIsBounded) {
    auto left = connect_pair(transport::tcp);
    auto right = connect_pair(transport::tcp);
    EXPECT_EQ(call(WEFT_BOTH(copy_stream(left.far, right.near, 1ms))).error(),
              std::errc::timed_out);
    std::stop_source stop;
    const bounds limits{.token = stop.get_token(), .until = {}};
    auto waiting = start_in(limits, WEFT_BOTH(copy_stream(left.far, right.near)));
    ASSERT_FALSE(write_text(left.near, "on the way"));
    EXPECT_EQ(read_exactly(right.far, 10), "on the way");
    stop.request_stop();
    EXPECT_EQ(waiting.get().error(), std::errc::operation_canceled);
    EXPECT_EQ(call_in(limits, WEFT_BOTH(copy_stream(left.far, right.near))).error(),
              std::errc::operation_canceled);
    ASSERT_FALSE(write_text(left.near, "still"));
    EXPECT_EQ(read_text(left.far), "still") << "usable";
    socket none;
    EXPECT_EQ(call(WEFT_BOTH(copy_stream(none, right.near))).error(),
              std::errc::bad_file_descriptor);
    EXPECT_EQ(call(WEFT_BOTH(copy_stream(left.far, none))).error(), std::errc::bad_file_descriptor);
    right.near.close();
    EXPECT_EQ(call(WEFT_BOTH(copy_stream(left.far, right.near))).error(),
              std::errc::bad_file_descriptor);
    ASSERT_FALSE(write_text(left.near, "once more"));
    EXPECT_EQ(read_text(left.far), "once more") << "it is not in a call any more";
}

/// What `fd`, the reading end of a pipe, holds.
std::string read_pipe(int fd) {
    std::string text(100, '\0');
    const ssize_t n = ::read(fd, text.data(), text.size());
    text.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
    return text;
}

/// Descriptors of pipes; the i-th holds the text of i.
std::vector<unique_fd> pipes_with_numbers(int count) {
    std::vector<unique_fd> made;
    for (int i = 0; i < count; ++i) {
        std::array<int, 2> ends{};
        EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
        const std::string text = std::to_string(i);
        EXPECT_EQ(::write(ends[1], text.data(), text.size()), static_cast<ssize_t>(text.size()));
        ::close(ends[1]);
        made.emplace_back(ends[0]);
    }
    return made;
}

std::vector<int> numbers_of(const std::vector<unique_fd>& owned) {
    std::vector<int> numbers;
    for (const unique_fd& each : owned) {
        numbers.push_back(each.get());
    }
    return numbers;
}

TEST_P(IoCalls, DescriptorsArriveInOrderAndOwned) {
    call([] { return 0; }, []() -> task<int> { co_return 0; });
    const std::size_t before = open_descriptors();
    {
        auto pair = connect_pair(transport::unix_stream);
        for (const int count : {1, 3, 253}) {
            std::string text(100, '.');
            auto waiting = start(WEFT_BOTH_OF(pair.far, receive_descriptors, writable(text)));
            {
                const auto sent = pipes_with_numbers(count);
                const auto numbers = numbers_of(sent);
                ASSERT_TRUE(call(WEFT_BOTH_OF(pair.near, send_descriptors, numbers,
                                              bytes_of("with"), safety_net)));
            }
            ASSERT_FALSE(write_text(pair.near, "without"));
            const auto got = waiting.get();
            ASSERT_TRUE(got) << got.error().message();
            EXPECT_FALSE(got->truncated);
            EXPECT_EQ(text.substr(0, got->size), "with");
            ASSERT_EQ(got->descriptors.size(), static_cast<std::size_t>(count));
            for (int i = 0; i < count; ++i) {
                const int fd = got->descriptors[static_cast<std::size_t>(i)].get();
                EXPECT_EQ(::fcntl(fd, F_GETFD), FD_CLOEXEC);
                EXPECT_EQ(read_pipe(fd), std::to_string(i));
            }
            const auto rest =
                call(WEFT_BOTH_OF(pair.far, receive_descriptors, writable(text), safety_net));
            ASSERT_TRUE(rest);
            EXPECT_TRUE(rest->descriptors.empty());
            EXPECT_EQ(text.substr(0, rest->size), "without");
        }
        ASSERT_TRUE(pair.near.shutdown_write());
        std::string text(10, '.');
        EXPECT_EQ(call(WEFT_BOTH_OF(pair.far, receive_descriptors, writable(text)))->size, 0u);
    }
    EXPECT_EQ(open_descriptors(), before);
}

TEST_P(IoCalls, ManyBytesWithDescriptors) {
    auto pair = connect_pair(transport::unix_stream);
    shrink_buffers(pair.near);
    const std::string text = pattern(200'000);
    const auto owned = pipes_with_numbers(1);
    const auto numbers = numbers_of(owned);
    auto sending = start(WEFT_BOTH_OF(pair.near, send_descriptors, numbers, bytes_of(text)));
    std::string first(100, '.');
    const auto got = call(WEFT_BOTH_OF(pair.far, receive_descriptors, writable(first), safety_net));
    ASSERT_TRUE(got);
    ASSERT_EQ(got->descriptors.size(), 1u);
    EXPECT_EQ(read_pipe(got->descriptors[0].get()), "0");
    const std::string rest = read_exactly(pair.far, text.size() - got->size);
    EXPECT_TRUE(first.substr(0, got->size) + rest == text);
    EXPECT_TRUE(sending.get());
}

// What finds no place is lost, what does is owned, and none of it is leaked.
TEST_P(IoCalls, DescriptorsFindNoPlace) {
    auto pair = connect_pair(transport::unix_stream);
    {
        const auto sent = pipes_with_numbers(5);
        const auto numbers = numbers_of(sent);
        ASSERT_TRUE(pair.near.send_descriptors(numbers, bytes_of("text"), safety_net));
    }
    call([] { return 0; }, []() -> task<int> { co_return 0; });
    const std::size_t before = open_descriptors();
    std::string text(10, '.');
    {
        result<received_descriptors> got;
        {
            const no_descriptors_left none;
            got = call(WEFT_BOTH_OF(pair.far, receive_descriptors, writable(text), safety_net));
        }
        ASSERT_TRUE(got) << got.error().message();
        EXPECT_TRUE(got->truncated);
        EXPECT_EQ(text.substr(0, got->size), "text");
        EXPECT_TRUE(got->descriptors.empty());
    }
    EXPECT_EQ(open_descriptors(), before);
}

TEST_P(IoCalls, DescriptorsThatCannotBeSent) {
    auto pair = connect_pair(transport::unix_stream);
    const std::array<int, 1> bad{-1};
    EXPECT_EQ(call(WEFT_BOTH_OF(pair.near, send_descriptors, bad, bytes_of("x"))).error(),
              std::errc::bad_file_descriptor);
    const std::array<int, 1> good{0};
    EXPECT_EQ(call(WEFT_BOTH_OF(pair.near, send_descriptors, good, bytes_of(""))).error(),
              std::errc::invalid_argument);
    const std::vector<int> many(254, 0);
    EXPECT_EQ(call(WEFT_BOTH_OF(pair.near, send_descriptors, many, bytes_of("x"))).error(),
              std::errc::invalid_argument);
    auto tcp = connect_pair(transport::tcp);
    EXPECT_EQ(call(WEFT_BOTH_OF(tcp.near, send_descriptors, good, bytes_of("x"))).error(),
              std::errc::operation_not_supported);
    ASSERT_FALSE(write_text(pair.near, "fine"));
    EXPECT_EQ(read_text(pair.far), "fine");
    std::string text(10, '.');
    EXPECT_EQ(call(WEFT_BOTH_OF(pair.far, receive_descriptors, writable(text), 1ms)).error(),
              std::errc::timed_out);
}

TEST_P(IoCalls, PeerCredentials) {
    auto pair = connect_pair(transport::unix_stream);
    const auto peer = pair.near.peer_credentials();
    ASSERT_TRUE(peer);
    EXPECT_EQ(peer->process, ::getpid());
    EXPECT_EQ(peer->user, ::getuid());
    EXPECT_EQ(peer->group, ::getgid());
    auto tcp = connect_pair(transport::tcp);
    EXPECT_EQ(tcp.near.peer_credentials().error(), std::errc::operation_not_supported);
    pair.near.close();
    EXPECT_EQ(pair.near.peer_credentials().error(), std::errc::bad_file_descriptor);
}

TEST_P(IoCalls, InterruptedAllTheTime) {
    const signal_storm storm;
    const std::string text = pattern(300'000);
    const file from(text);
    auto left = connect_pair(transport::tcp);
    auto right = connect_pair(transport::unix_stream);
    shrink_buffers(left.near);
    shrink_buffers(right.near);
    auto copying = start(WEFT_BOTH(copy_stream(left.far, right.near, safety_net)));
    auto sending = start(WEFT_BOTH(send_file(left.near, from.fd(), 0, text.size(), safety_net)));
    std::string got(text.size(), '.');
    EXPECT_TRUE(call(WEFT_BOTH_OF(right.far, read_exactly, writable(got), safety_net)));
    EXPECT_TRUE(got == text);
    EXPECT_EQ(*sending.get(), text.size());
    left.near.close();
    EXPECT_EQ(*copying.get(), text.size());
}

}  // namespace
}  // namespace weft
