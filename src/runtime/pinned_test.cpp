// SPDX-License-Identifier: Apache-2.0
//
// pinned(). Mostly without preemption, as in blocking_test.cpp, so that nobody but the call itself
// can set the worker free.
#include <weft/blocking.h>

#include <gtest/gtest.h>
#include <unistd.h>
#include <weft/channel.h>
#include <weft/co.h>
#include <weft/fiber.h>
#include <weft/fiber_local.h>
#include <weft/mutex.h>
#include <weft/runtime.h>
#include <weft/scope.h>
#include <weft/semaphore.h>
#include <weft/socket.h>

#include <array>
#include <atomic>
#include <chrono>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

#include "runtime/aside_test_support.h"
#include "runtime/preemption_test_support.h"

namespace weft {
namespace {

using namespace std::chrono_literals;

constexpr auto pinned_aside = [](auto call) -> decltype(auto) { return pinned(call); };

/// Pins, and sees that the kernel thread stays the same.
template <class Call>
auto stays(Call call) {
    return pinned([&] {
        struct check {
            const pid_t before = ::gettid();
            ~check() { EXPECT_EQ(::gettid(), before); }
        } const same;
        EXPECT_EQ(this_fiber::get_id(), fiber::id()) << "a plain thread";
        return call();
    });
}

TEST(pinned, others_run_while_it_waits) {
    weft::run(by_itself, [] {
        counting_semaphore<> asked(0);
        counting_semaphore<> answered(0);
        fiber other([&] {
            asked.acquire();
            answered.release();
        });
        stays([&] {
            asked.release();
            answered.acquire();
        });
    });
}

TEST(pinned, stays_on_its_kernel_thread) {
    runtime rt({.workers = 2, .preempt = false});
    rt.run([] {
        constexpr int each = 200;
        std::vector<fiber> fibers;
        mutex shared;
        int sum = 0;
        for (int i = 0; i < 8; ++i) {
            fibers.emplace_back([&] {
                pinned([&] {
                    const pid_t here = ::gettid();
                    for (int k = 0; k < each; ++k) {
                        {
                            const std::lock_guard guard(shared);
                            ++sum;
                        }
                        this_fiber::yield();
                        EXPECT_EQ(::gettid(), here);
                    }
                });
                this_fiber::yield();
            });
        }
        for (int k = 0; k < each; ++k) {
            const std::lock_guard guard(shared);
            ++sum;
        }
        fibers.clear();
        EXPECT_EQ(sum, 9 * each);
    });
}

TEST(pinned, talks_with_others_by_sockets_and_channels) {
    weft::run(by_itself, [] {
        auto listening = listener::bind(endpoint::loopback(0)).value();
        channel<int> numbers;
        fiber other([&] {
            auto peer = listening.accept().value();
            std::array<std::byte, 1> byte{};
            EXPECT_EQ(peer.read(byte), 1u);
            EXPECT_TRUE(numbers.send(static_cast<int>(byte[0])));
        });
        const int got = stays([&] {
            auto near = connect(listening.local_endpoint().value()).value();
            const std::array<std::byte, 1> byte{std::byte{42}};
            EXPECT_TRUE(near.write(byte));
            return numbers.receive().value();
        });
        EXPECT_EQ(got, 42);
    });
}

TEST(pinned, is_bounded_by_what_bounds_the_fiber) {
    weft::run(by_itself, [] {
        counting_semaphore<> never(0);
        const auto wait = [&] { return stays([&] { return never.acquire(deadline::never()); }); };
        EXPECT_EQ(with_deadline(1ms, wait).error(), std::errc::timed_out);
        std::stop_source stop;
        fiber stopper([&] { stop.request_stop(); });
        EXPECT_EQ(with_stop_token(stop.get_token(), wait).error(), std::errc::operation_canceled);
        EXPECT_EQ(with_stop_token(stop.get_token(), wait).error(), std::errc::operation_canceled);
        EXPECT_TRUE(this_fiber::sleep_for(1us)) << "outside nothing bounds it";
    });
}

TEST(pinned, bounds_within_a_block_outlive_it) {
    weft::run(by_itself, [] {
        counting_semaphore<> never(0);
        const auto wait = [&] { return never.acquire(deadline::never()); };
        with_deadline(1ms, [&] {
            EXPECT_EQ(stays(wait).error(), std::errc::timed_out);
            EXPECT_EQ(stays(wait).error(), std::errc::timed_out);
            EXPECT_EQ(wait().error(), std::errc::timed_out);
        });
        stays([&] {
            const auto ended = with_deadline(1ms, [&] { return pinned(wait); });
            EXPECT_EQ(ended.error(), std::errc::timed_out);
        });
    });
}

TEST(pinned, leaves_no_values_to_others) {
    static fiber_local<int> local;
    weft::run(by_itself, [] {
        for (int i = 0; i < 10; ++i) {
            fiber one([] {
                local.get() = 1;
                stays([] {
                    EXPECT_EQ(local.get(), 0) << "of another fiber";
                    local.get() = 2;
                });
                EXPECT_EQ(local.get(), 1);
            });
        }
    });
}

TEST(pinned, many_at_once_while_others_compute) {
    constexpr int calls = 60;
    runtime rt({.workers = 2});
    rt.run([] {
        std::atomic<bool> stop{false};
        counting_semaphore<> all(0);
        fiber computes([&] { compute_until(stop); });
        std::vector<fiber> fibers;
        for (int i = 0; i < calls; ++i) {
            fibers.emplace_back([&] { stays([&] { all.acquire(); }); });
        }
        all.release(calls);
        fibers.clear();
        stop = true;
    });
}

TEST(pinned, returns_and_throws_what_the_call_does) {
    expect_returns_and_throws_what_the_call_does(pinned_aside);
}

TEST(pinned, one_within_another_or_within_blocking_is_a_call) {
    weft::run(by_itself, [] {
        counting_semaphore<> one(0);
        fiber other([&] { one.release(3); });
        pinned([&] { pinned([&] { one.acquire(); }); });
        blocking([&] { pinned([&] { one.acquire(); }); });
        pinned([&] { blocking([&] { one.acquire(); }); });
        this_fiber::yield();
    });
}

TEST(pinned, on_a_plain_thread_it_is_a_call) {
    const auto here = std::this_thread::get_id();
    EXPECT_EQ(pinned([] { return std::this_thread::get_id(); }), here);
}

task<int> waits_pinned(counting_semaphore<>& one) {
    const int got = stays([&] {
        one.acquire();
        return 7;
    });
    co_await co::yield();
    co_return got;
}

TEST(pinned, in_a_coroutine_too) {
    runtime rt(by_itself);
    counting_semaphore<> one(0);
    auto waiting = rt.spawn(waits_pinned(one));
    rt.run([&] { one.release(); });
    EXPECT_EQ(waiting.join(), 7);
}

TEST(pinned, without_a_kernel_thread_to_spare_it_throws) {
    runtime rt({.workers = 1, .preempt = false, .most_kernel_threads = 0});
    rt.run([] {
        try {
            pinned([] { ADD_FAILURE() << "it was called"; });
        } catch (const std::system_error& e) {
            EXPECT_EQ(e.code(), std::errc::resource_unavailable_try_again);
        }
        this_fiber::yield();
    });
}

TEST(pinned, a_child_of_fork_may_return_from_it) {
    expect_a_child_of_fork_returns_from_it(pinned_aside);
}

TEST(pinned, is_not_taken_for_computing) {
    expect_is_not_taken_for_computing(pinned_aside);
}

}  // namespace
}  // namespace weft
