// SPDX-License-Identifier: Apache-2.0
//
// blocking(). Mostly without preemption, so that nobody but the call itself can set the worker
// free: tests would hang if it did not.
#include <weft/blocking.h>

#include <gtest/gtest.h>
#include <unistd.h>
#include <weft/co.h>
#include <weft/fiber.h>
#include <weft/mutex.h>
#include <weft/runtime.h>
#include <weft/semaphore.h>

#include <array>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <iterator>
#include <latch>
#include <limits>
#include <mutex>
#include <thread>
#include <vector>

#include "runtime/aside_test_support.h"
#include "runtime/preemption_test_support.h"
#include "sched/scheduler.h"

namespace weft {
namespace {

constexpr auto blocking_aside = [](auto call) -> decltype(auto) { return blocking(call); };

/// A pipe from which somebody reads before anybody writes.
class pipe {
public:
    pipe() { EXPECT_EQ(::pipe(ends_.data()), 0); }
    ~pipe() {
        ::close(ends_[0]);
        ::close(ends_[1]);
    }
    pipe(const pipe&) = delete;
    pipe& operator=(const pipe&) = delete;

    char read() const {
        char byte = 0;
        EXPECT_EQ(::read(ends_[0], &byte, 1), 1);
        return byte;
    }
    void write(char byte) const { EXPECT_EQ(::write(ends_[1], &byte, 1), 1); }

private:
    std::array<int, 2> ends_{};
};

TEST(blocking, others_run_meanwhile) {
    for (const bool preempt : {false, true}) {
        runtime rt({.workers = 1, .preempt = preempt});
        rt.run([] {
            const pipe p;
            fiber writer([&] { p.write('x'); });
            EXPECT_EQ(blocking([&] { return p.read(); }), 'x');
        });
        EXPECT_GE(blocked(rt), 1U);
    }
}

TEST(blocking, in_a_coroutine_too) {
    runtime rt(by_itself);
    const pipe p;
    auto reader = rt.spawn([](const pipe& from) -> task<char> {
        const char byte = blocking([&] { return from.read(); });
        co_await co::yield();
        co_return byte;
    }(p));
    rt.run([&] { p.write('y'); });
    EXPECT_EQ(reader.join(), 'y');
}

TEST(blocking, as_many_at_once_as_are_called) {
    constexpr int calls = 40;
    runtime rt(by_itself);
    rt.run([] {
        std::latch all(calls);
        std::vector<fiber> fibers;
        for (int i = 0; i < calls; ++i) {
            fibers.emplace_back([&] { blocking([&] { all.arrive_and_wait(); }); });
        }
    });
    EXPECT_GE(rt.stats().kernel_threads, static_cast<std::uint64_t>(calls));
}

std::size_t threads_of_this_process() {
    using std::filesystem::directory_iterator;
    return static_cast<std::size_t>(
        std::distance(directory_iterator("/proc/self/task"), directory_iterator()));
}

/// Makes `calls` at once that block.
void block_at_once(runtime& rt, int calls) {
    rt.run([&] {
        const pipe p;
        std::atomic<int> begun{0};
        std::vector<fiber> fibers;
        for (int i = 0; i < calls; ++i) {
            fibers.emplace_back([&] {
                blocking([&] {
                    ++begun;
                    return p.read();
                });
            });
        }
        while (begun < calls) {
            this_fiber::yield();
        }
        for (int i = 0; i < calls; ++i) {
            p.write('x');
        }
    });
}

TEST(blocking, kernel_threads_that_are_not_needed_end) {
    constexpr auto kept = sched::kernel_threads::kept_spares;
    constexpr std::size_t maker_and_monitor = 2;
    for (const bool preempt : {false, true}) {
        const std::size_t before = threads_of_this_process();
        runtime rt({.workers = 1, .preempt = preempt});
        rt.get_scheduler().threads().keep_unneeded_for(20'000'000);
        for (int times = 0; times < 2; ++times) {
            block_at_once(rt, 100);
            EXPECT_GE(rt.stats().kernel_threads, kept + 1);
            const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(30);
            const std::size_t most = before + kept + 1 + maker_and_monitor;
            std::size_t counted = rt.stats().kernel_threads;
            std::size_t there = threads_of_this_process();
            while ((counted > kept + 1 || there > most) &&
                   std::chrono::steady_clock::now() < limit) {
                std::this_thread::yield();
                counted = rt.stats().kernel_threads;
                there = threads_of_this_process();
            }
            // Once is enough: another one may be wanted at any time.
            EXPECT_EQ(counted, kept + 1);
            EXPECT_LE(there, most);
        }
    }
}

TEST(blocking, kernel_threads_may_end_at_any_moment) {
    runtime rt({.workers = 2});
    rt.get_scheduler().threads().keep_unneeded_for(0);
    std::atomic<bool> stop{false};
    std::vector<fiber> hogs;
    for (int i = 0; i < 3; ++i) {
        hogs.push_back(rt.spawn([&] { compute_until(stop); }));
    }
    for (int times = 0; times < 10; ++times) {
        block_at_once(rt, 12);
    }
    stop = true;
}

TEST(blocking, returns_and_throws_what_the_call_does) {
    expect_returns_and_throws_what_the_call_does(blocking_aside);
}

TEST(blocking, on_a_plain_thread_it_is_a_call) {
    const auto here = std::this_thread::get_id();
    EXPECT_EQ(blocking([] { return std::this_thread::get_id(); }), here);
}

TEST(blocking, one_within_another_is_a_call) {
    runtime rt(by_itself);
    rt.run([&] {
        const pipe p;
        fiber writer([&] { p.write('z'); });
        const auto read = [&] { return blocking([&] { return p.read(); }); };
        EXPECT_EQ(blocking(read), 'z');
    });
    EXPECT_EQ(blocked(rt), 1U);
}

TEST(blocking, what_waits_within_may_go_on_elsewhere) {
    runtime rt({.workers = 2, .preempt = false});
    rt.run([] {
        std::vector<fiber> fibers;
        mutex shared;
        int sum = 0;
        for (int i = 0; i < 20; ++i) {
            fibers.emplace_back([&] {
                for (int k = 0; k < 20; ++k) {
                    blocking([&] {
                        ::usleep(50);
                        const std::lock_guard guard(shared);
                        ++sum;
                        this_fiber::yield();
                    });
                }
            });
        }
        fibers.clear();
        EXPECT_EQ(sum, 400);
    });
}

TEST(blocking, wakes_others_without_a_worker) {
    weft::run(by_itself, [] {
        counting_semaphore<> asked(0);
        counting_semaphore<> answered(0);
        const pipe p;
        fiber other([&] {
            asked.acquire();
            p.write('a');
        });
        blocking([&] {
            asked.release();
            EXPECT_EQ(p.read(), 'a');
        });
    });
}

TEST(blocking, beyond_the_cap_it_blocks_its_worker) {
    runtime rt({.workers = 1, .preempt = false, .most_kernel_threads = 2});
    rt.run([] {
        std::vector<fiber> fibers;
        for (int i = 0; i < 10; ++i) {
            fibers.emplace_back([] { blocking([] { ::usleep(1000); }); });
        }
    });
    EXPECT_LE(rt.stats().kernel_threads, 3U);
}

TEST(blocking, a_spawn_or_a_checkpoint_within_does_not_end_it) {
    runtime rt(by_itself);
    rt.run([] {
        const pipe p;
        fiber writer;
        blocking([&] {
            writer = fiber([&] { p.write('s'); });
            this_fiber::checkpoint();
            EXPECT_EQ(p.read(), 's');
        });
    });
    EXPECT_EQ(blocked(rt), 1U);
}

TEST(blocking, a_child_of_fork_may_return_from_it) {
    expect_a_child_of_fork_returns_from_it(blocking_aside);
}

TEST(blocking, any_number_may_be_the_cap) {
    runtime rt({.workers = 1,
                .preempt = false,
                .most_kernel_threads = std::numeric_limits<std::size_t>::max()});
    rt.run([] {
        const pipe p;
        fiber writer([&] { p.write('x'); });
        EXPECT_EQ(blocking([&] { return p.read(); }), 'x');
    });
}

TEST(blocking, is_not_taken_for_computing) {
    expect_is_not_taken_for_computing(blocking_aside);
}

}  // namespace
}  // namespace weft
