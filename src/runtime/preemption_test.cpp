// SPDX-License-Identifier: Apache-2.0
//
// Fibers and coroutines that compute without end, or block in the kernel, beside others on the
// same worker. Each test would hang, or be off by far, without preemption.
#include <gtest/gtest.h>
#include <malloc.h>
#include <poll.h>
#include <sys/epoll.h>
#include <unistd.h>
#include <weft/co.h>
#include <weft/fiber.h>
#include <weft/runtime.h>
#include <weft/semaphore.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "runtime/preemption_test_support.h"

namespace weft {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;
using std::chrono::steady_clock;

TEST(preemption, a_fiber_that_computes_does_not_stop_another) {
    for (const bool fifo : {false, true}) {
        runtime rt({.workers = 1, .fifo = fifo});
        rt.run([] {
            std::atomic<bool> stop{false};
            fiber hog([&] { compute_until(stop); });
            this_fiber::yield();
            stop = true;
        });
        EXPECT_GE(preempted(rt), 1U) << (fifo ? "fifo" : "fair");
    }
}

TEST(preemption, under_fifo_a_light_one_has_its_turn_like_the_others) {
    const one_queue_each no_stress;
    runtime rt({.workers = 1, .fifo = true});
    std::atomic<bool> stop{false};
    std::vector<fiber> fibers;
    fibers.push_back(rt.spawn(fiber_options{.nice = 19}, [&] { compute_until(stop); }));
    for (int i = 0; i < 2; ++i) {
        fibers.push_back(rt.spawn([&] {
            while (!stop) {
                this_fiber::yield();
            }
        }));
    }
    while (preempted(rt) < 5) {
        std::this_thread::sleep_for(2ms);
    }
    stop = true;
}

TEST(preemption, a_sleeper_wakes_beside_one_that_computes) {
    runtime rt(one_worker);
    rt.run([] {
        std::atomic<bool> stop{false};
        fiber hog([&] { compute_until(stop); });
        for (int i = 0; i < 10; ++i) {
            this_fiber::sleep_for(1ms);
        }
        stop = true;
    });
    EXPECT_GE(preempted(rt), 1U);
}

TEST(preemption, a_coroutine_that_computes_does_not_stop_others) {
    runtime rt(one_worker);
    std::atomic<bool> stop{false};
    std::atomic<bool> started{false};
    auto hog = rt.spawn([](std::atomic<bool>& go, const std::atomic<bool>& end) -> task<int> {
        go = true;
        compute_until(end);
        co_await co::yield();
        co_return 7;
    }(started, stop));
    rt.run([&] {
        while (!started) {
            this_fiber::yield();
        }
        auto other = spawn([]() -> task<int> { co_return 3; }());
        EXPECT_EQ(other.join(), 3);
        stop = true;
    });
    EXPECT_EQ(hog.join(), 7);
    EXPECT_GE(preempted(rt), 1U);
}

// Of CPU time: on a shared machine a step takes longer at times. Who never waits has a kernel
// thread, and so a clock, to itself.
TEST(preemption, shares_follow_nice_without_a_yield) {
    const one_queue_each no_stress;
    constexpr std::array nices{0, 5, -5};
    constexpr std::array wanted{22.9, 7.5, 69.6};
    std::array<std::chrono::nanoseconds, 3> used{};
    runtime rt(one_worker);
    rt.run([&] {
        std::atomic<int> left{40'000};
        std::vector<fiber> fibers;
        for (std::size_t i = 0; i < nices.size(); ++i) {
            fibers.emplace_back(fiber_options{.nice = nices[i]}, [&, i] {
                const std::chrono::nanoseconds before = cpu_time();
                while (--left >= 0) {
                    compute_a_step();
                }
                used[i] = cpu_time() - before;
            });
        }
    });
    const auto all = static_cast<double>((used[0] + used[1] + used[2]).count());
    for (std::size_t i = 0; i < nices.size(); ++i) {
        EXPECT_NEAR(100 * static_cast<double>(used[i].count()) / all, wanted[i], 1.0)
            << "nice " << nices[i];
    }
}

// Else one of them has a worker for itself and gets twice as much as the others. How much each gets
// is not judged, nor how soon: it depends on what else the machine does.
TEST(preemption, three_that_compute_on_two_workers_change_sides) {
    const one_queue_each no_stress;
    runtime rt({.workers = 2});
    std::atomic<bool> stop{false};
    std::vector<fiber> hogs;
    for (int i = 0; i < 3; ++i) {
        hogs.push_back(rt.spawn([&] { compute_until(stop); }));
    }
    while (stolen(rt) < 6) {
        std::this_thread::sleep_for(5ms);
    }
    stop = true;
}

// The busiest worker by weight has nobody to give away.
TEST(preemption, workers_are_evened_out_beside_a_heavy_one) {
    const one_queue_each no_stress;
    constexpr int most = 9;
    runtime rt({.workers = 3});
    std::atomic<bool> stop{false};
    std::vector<fiber> hogs;
    hogs.push_back(rt.spawn(fiber_options{.nice = -20}, [&] { compute_until(stop); }));
    for (int i = 0; i < most; ++i) {
        hogs.push_back(rt.spawn([&] { compute_until(stop); }));
    }
    const auto is_even = [&] {
        std::vector<std::uint64_t> queued;
        for (const worker_stats& each : rt.stats().workers) {
            queued.push_back(each.queued);
        }
        std::ranges::sort(queued);
        return queued[2] <= 5 && queued[0] + queued[1] + queued[2] >= most - 2;
    };
    while (!is_even()) {
        std::this_thread::yield();
    }
    stop = true;
}

TEST(preemption, workers_are_evened_out_where_nothing_is_preempted) {
    const one_queue_each no_stress;
    runtime rt({.workers = 2, .preempt = false});
    std::atomic<bool> stop{false};
    std::array<std::atomic<bool>, 8> ends{};
    std::array<std::atomic<std::thread::id>, 8> where{};
    std::vector<fiber> fibers;
    for (std::size_t i = 0; i < ends.size(); ++i) {
        fibers.push_back(rt.spawn([&, i] {
            while (!stop && !ends[i]) {
                compute_a_step();
                where[i] = std::this_thread::get_id();
                this_fiber::yield();
            }
        }));
    }
    const auto on_the_worker_of_the_first = [&] {
        return std::ranges::count_if(where, [&](const auto& each) { return each == where[0]; });
    };
    while (on_the_worker_of_the_first() < 2 || on_the_worker_of_the_first() > 6) {
        std::this_thread::yield();
    }
    for (std::size_t i = 1; i < ends.size(); ++i) {
        ends[i] = where[i] == where[0];  // the first one is left alone there
    }
    const std::uint64_t before = stolen(rt);
    while (stolen(rt) == before) {
        std::this_thread::yield();
    }
    stop = true;
}

TEST(preemption, one_that_blocks_in_the_kernel_does_not_stop_others) {
    runtime rt(one_worker);
    std::array<int, 2> ends{};
    ASSERT_EQ(::pipe(ends.data()), 0);
    rt.run([&] {
        fiber reader([&] {
            char byte = 0;
            EXPECT_EQ(::read(ends[0], &byte, 1), 1);
            this_fiber::yield();  // it needs a worker again
            EXPECT_EQ(byte, 'x');
        });
        this_fiber::yield();  // returns when the worker has been taken from the reader
        EXPECT_EQ(::write(ends[1], "x", 1), 1);
    });
    EXPECT_GE(blocked(rt), 1U);
    ::close(ends[0]);
    ::close(ends[1]);
}

// In these two the main fiber blocks its kernel thread, and what ends that runs on the same worker.
TEST(preemption, a_std_mutex_may_be_held_across_a_wait) {
    runtime rt(one_worker);
    rt.run([] {
        std::mutex mutex;
        counting_semaphore<> locked(0);
        counting_semaphore<> go(0);
        fiber holder([&] {
            const std::lock_guard guard(mutex);
            locked.release();
            go.acquire();
        });
        locked.acquire();
        fiber opener([&] { go.release(); });
        const std::lock_guard guard(mutex);
    });
    EXPECT_GE(blocked(rt), 1U);
}

TEST(preemption, static_initialisation_may_wait) {
    static bool initialised = false;
    runtime rt(one_worker);
    rt.run([] {
        static counting_semaphore<> begun(0);
        static counting_semaphore<> go(0);
        const auto get = [] {
            static const int value = [] {
                begun.release();
                go.acquire();
                return 42;
            }();
            return value;
        };
        fiber first([&] {
            EXPECT_EQ(get(), 42);
            begun.release();  // where the test is repeated nothing is left to initialise
        });
        begun.acquire();
        fiber opener([&] { go.release(); });
        EXPECT_EQ(get(), 42);
    });
    EXPECT_TRUE(initialised || blocked(rt) >= 1);
    initialised = true;
}

// Three that signal(7) says are never restarted: each for 3 ms, 0 if nothing interrupted it.
int sleep_by_nanosleep() {
    const timespec duration{.tv_sec = 0, .tv_nsec = 3'000'000};
    return ::nanosleep(&duration, nullptr);
}

int sleep_by_poll() {
    return ::poll(nullptr, 0, 3);
}

int sleep_by_epoll_wait() {
    const int poller = ::epoll_create1(EPOLL_CLOEXEC);
    epoll_event event{};
    const int got = ::epoll_wait(poller, &event, 1, 3);
    const int error = errno;
    ::close(poller);
    errno = error;
    return got;
}

TEST(preemption, does_not_interrupt_system_calls) {
    runtime rt({.workers = 2});
    rt.run([] {
        std::atomic<bool> stop{false};
        std::vector<fiber> hogs;
        for (int i = 0; i < 3; ++i) {
            hogs.emplace_back([&] { compute_until(stop); });
        }
        std::vector<fiber> sleepers;
        for (const auto call : {sleep_by_nanosleep, sleep_by_poll, sleep_by_epoll_wait}) {
            for (int i = 0; i < 2; ++i) {
                sleepers.emplace_back([call] {
                    for (int k = 0; k < 20; ++k) {
                        EXPECT_EQ(call(), 0) << std::strerror(errno);
                    }
                });
            }
        }
        sleepers.clear();
        stop = true;
    });
}

TEST(preemption, off_means_off) {
    runtime rt({.workers = 1, .preempt = false});
    rt.run([] {
        bool other_ran = false;
        fiber other([&] { other_ran = true; });
        const nanoseconds start = cpu_time();
        while (cpu_time() - start < 30ms) {
        }
        EXPECT_FALSE(other_ran);
    });
    EXPECT_EQ(preempted(rt), 0U);
    EXPECT_EQ(rt.stats().kernel_threads, 1U);
}

TEST(preemption, a_slice_out_of_bounds_is_refused) {
    EXPECT_THROW(runtime({.slice = 99us}), std::invalid_argument);
    EXPECT_THROW(runtime({.slice = 101ms}), std::invalid_argument);
}

// What goes wrong where a fiber that is preempted goes on on another kernel thread, or where
// nobody takes the role from one that waits for a suspended one: the allocator, exceptions in
// flight, std::mutex, call_once, each at its work when the slice ends.
class torture {
public:
    explicit torture(long rounds) : rounds_left_(rounds) {}

    /// The allocator only, in pieces that no thread keeps for itself.
    void run_allocator(unsigned number) {
        unsigned random = number * 7919 + 1;
        while (--rounds_left_ >= 0) {
            random = random * 1664525 + 1013904223;
            allocate(random, number, 1100);
        }
    }

    void run(unsigned number) {
        unsigned random = number * 7919 + 1;
        long added = 0;
        while (--rounds_left_ >= 0) {
            random = random * 1664525 + 1013904223;
            switch (random >> 16 & 3) {
                case 0:
                    allocate(random, number, 16);
                    break;
                case 1:
                    throw_and_catch(number);
                    break;
                case 2:
                    added += count();
                    break;
                default:
                    once();
            }
        }
        expected_ += added;
    }

    void expect_right() const {
        EXPECT_EQ(counter_, expected_);
        EXPECT_EQ(wrong_, 0);
    }

private:
    void allocate(unsigned random, unsigned number, unsigned least) {
        std::vector<std::unique_ptr<unsigned char[]>> pieces;
        for (unsigned k = 0; k < 100; ++k) {
            pieces.push_back(std::make_unique<unsigned char[]>(least + (random >> k % 16) % 3000));
            pieces.back()[0] = static_cast<unsigned char>(number);
        }
        for (const auto& piece : pieces) {
            wrong_ += piece[0] == static_cast<unsigned char>(number) ? 0 : 1;
        }
    }

    void throw_and_catch(unsigned number) {
        const std::string text = "thrown by " + std::to_string(number);
        for (int k = 0; k < 10; ++k) {
            try {
                try {
                    throw std::runtime_error(text);
                } catch (const std::exception& e) {
                    wrong_ += e.what() == text ? 0 : 1;
                    throw;
                }
            } catch (const std::runtime_error& e) {
                wrong_ += e.what() == text ? 0 : 1;
            }
        }
    }

    long count() {
        for (int k = 0; k < 100; ++k) {
            const std::lock_guard guard(mutex_);
            ++counter_;
        }
        return 100;
    }

    void once() {
        std::once_flag flag;
        int called = 0;
        std::call_once(flag, [&] { called += std::to_string(called).size() == 1 ? 1 : 2; });
        wrong_ += called == 1 ? 0 : 1;
    }

    std::atomic<long> rounds_left_;
    std::mutex mutex_;
    long counter_ = 0;
    std::atomic<long> expected_{0};
    std::atomic<long> wrong_{0};
};

class preemption_torture : public ::testing::TestWithParam<unsigned> {};
INSTANTIATE_TEST_SUITE_P(workers, preemption_torture, ::testing::Values(1U, 2U));

long torture_rounds() {
#if defined(__SANITIZE_THREAD__)
    constexpr long usual_rounds = 5'000;  // twenty times slower
#else
    constexpr long usual_rounds = 100'000;
#endif
    const char* const text = std::getenv("WEFT_TORTURE_ROUNDS");
    return text != nullptr ? std::atol(text) : usual_rounds;
}

/// 64 fibers do `rounds` together; once more while that was too quick for anybody to be preempted.
void torment(unsigned workers, long rounds, void (torture::*act)(unsigned)) {
    runtime rt({.workers = workers, .slice = 500us});
    const deadline safety_net = 20s;
    do {
        torture work(rounds);
        rt.run([&] {
            std::vector<fiber> fibers;
            for (unsigned i = 0; i < 64; ++i) {
                fibers.emplace_back([&, i] { (work.*act)(i); });
            }
        });
        work.expect_right();
    } while (preempted(rt) == 0 && !safety_net.expired());
    EXPECT_GE(preempted(rt), 1U);
}

TEST_P(preemption_torture, nothing_is_lost_and_nobody_waits_for_ever) {
    torment(GetParam(), torture_rounds(), &torture::run);
}

/// New threads allocate from the one arena that the process began with.
class one_arena {
public:
    one_arena() { ::mallopt(M_ARENA_MAX, 1); }
    ~one_arena() { ::mallopt(M_ARENA_MAX, 0); }
    one_arena(const one_arena&) = delete;
    one_arena& operator=(const one_arena&) = delete;
};

// Whoever is suspended within the allocator has the lock that all others want, and the thread that
// makes kernel threads, too.
TEST_P(preemption_torture, one_lock_of_the_allocator_for_all) {
    const one_arena only;
    torment(GetParam(), torture_rounds() / 40, &torture::run_allocator);
}

}  // namespace
}  // namespace weft
