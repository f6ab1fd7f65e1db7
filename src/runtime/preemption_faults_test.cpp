// SPDX-License-Identifier: Apache-2.0
//
// Preemption where something is missing or in its way: kernel threads, descriptors, timers, /proc,
// a signal that is blocked or somebody else's, fork().
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <weft/fiber.h>
#include <weft/runtime.h>
#include <weft/semaphore.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <latch>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "runtime/preemption_test_support.h"

namespace weft {
namespace {

using namespace std::chrono_literals;

TEST(preemption_cap, is_kept_and_those_that_were_preempted_take_turns) {
    const one_queue_each no_stress;
    ::testing::internal::CaptureStderr();
    runtime rt({.workers = 1, .slice = 500us, .most_kernel_threads = 2});
    std::atomic<int> computing{0};
    std::atomic<bool> stop{false};
    std::vector<fiber> hogs;
    for (int i = 0; i < 8; ++i) {
        hogs.push_back(rt.spawn([&] {
            ++computing;
            compute_until(stop);
        }));
    }
    while (preempted(rt) < 20) {
        std::this_thread::yield();
    }
    EXPECT_LE(computing, 3);
    stop = true;
    hogs.clear();
    EXPECT_EQ(rt.stats().kernel_threads, 3U);
    const std::string said = ::testing::internal::GetCapturedStderr();
    const std::size_t at = said.find("runtime_options::most_kernel_threads");
    EXPECT_NE(at, std::string::npos) << said;
    EXPECT_EQ(said.find("runtime_options::most_kernel_threads", at + 1), std::string::npos) << said;
}

// The first hog is suspended and holds what the second one spins for; there is no thread for the
// others, which are many and stand before the first.
TEST(preemption_cap, who_was_preempted_does_not_wait_behind_those_that_can_not_run) {
    const one_queue_each no_stress;
    constexpr int others = 500;
    for (const bool fifo : {false, true}) {
        runtime rt({.workers = 1, .fifo = fifo, .most_kernel_threads = 1});
        rt.run([&] {
            std::atomic<bool> free{false};
            fiber holds([&] {
                while (preempted(rt) == 0) {
                    compute_a_step();
                }
                free = true;
            });
            this_fiber::yield();
            std::vector<fiber> fibers;
            for (int i = 0; i < others; ++i) {
                fibers.emplace_back([] {});
            }
            const std::uint64_t before = preempted(rt);
            compute_until(free);
            EXPECT_LE(preempted(rt) - before, 20U);
        });
    }
}

// The same, but the second one blocks in the kernel: nothing runs meanwhile, so virtual time stands
// still, and the first has had more than its share.
TEST(preemption_cap, who_was_preempted_sets_free_whom_blocks_before_many_others) {
    const one_queue_each no_stress;
    constexpr int others = 3000;
    for (const bool fifo : {false, true}) {
        runtime rt({.workers = 1, .fifo = fifo, .most_kernel_threads = 1});
        rt.run([&] {
            std::mutex mutex;
            std::atomic<bool> all_wait{false};
            fiber holds([&] {
                const std::lock_guard guard(mutex);
                while (!all_wait) {
                    compute_a_step();
                }
            });
            this_fiber::yield();
            std::vector<fiber> fibers;
            for (int i = 0; i < others; ++i) {
                fibers.emplace_back([] {});
            }
            EXPECT_GE(preempted(rt), 1U);
            all_wait = true;
            const std::lock_guard guard(mutex);
        });
    }
}

/// Runs `body` in a process of its own, which it ends.
template <class Body>
void expect_success(Body body) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_EXIT(std::_Exit(body() ? 0 : 1), ::testing::ExitedWithCode(0), "");
}

/// Whether a fiber that computes is preempted.
bool computing_makes_room() {
    runtime rt(one_worker);
    rt.run([] {
        std::atomic<bool> stop{false};
        fiber hog([&] { compute_until(stop); });
        this_fiber::yield();
        stop = true;
    });
    return preempted(rt) >= 1;
}

TEST(preemption_death_test, who_makes_the_runtime_may_block_all_signals) {
    expect_success([] {
        sigset_t all;
        ::sigfillset(&all);
        ::pthread_sigmask(SIG_SETMASK, &all, nullptr);
        return computing_makes_room();
    });
}

TEST(preemption_death_test, without_a_timer_the_monitor_ticks) {
    expect_success([] {
        const rlimit none{.rlim_cur = 0, .rlim_max = 0};  // timers count as pending signals
        ::setrlimit(RLIMIT_SIGPENDING, &none);
        return computing_makes_room();
    });
}

/// A fiber waits in the kernel for what another fiber of the same worker does.
bool blocking_makes_room(runtime& rt) {
    rt.run([] {
        std::latch done(1);
        fiber other([&] { done.count_down(); });
        done.wait();
    });
    return blocked(rt) >= 1;
}

TEST(preemption_death_test, without_a_descriptor_who_blocks_is_found) {
    expect_success([] {
        runtime rt(one_worker);
        const rlimit none{.rlim_cur = 0, .rlim_max = 0};
        ::setrlimit(RLIMIT_NOFILE, &none);
        return ::open("/dev/null", O_RDONLY) < 0 && blocking_makes_room(rt);
    });
}

TEST(preemption, who_sleeps_in_short_pieces_does_not_keep_its_worker) {
    runtime rt(one_worker);
    rt.run([] {
        for (int i = 0; i < 10; ++i) {
            std::atomic<bool> done{false};
            fiber other([&] { done = true; });
            while (!done) {
                ::usleep(500);
            }
        }
    });
    EXPECT_GT(blocked(rt), preempted(rt)) << "of the times that the other one got the worker";
}

TEST(preemption, leaves_errno_alone) {
    runtime rt({.workers = 1, .slice = 100us});
    rt.run([&] {
        std::atomic<bool> stop{false};
        fiber other([&] {
            while (!stop) {
                errno = EAGAIN;
                compute_a_step();
            }
        });
        while (preempted(rt) < 50) {
            errno = ERANGE;
            compute_a_step();
            EXPECT_EQ(errno, ERANGE);
        }
        stop = true;
    });
}

// Under ThreadSanitizer: the monitor reads what set_nice() writes.
TEST(preemption, nice_may_change_while_the_worker_is_taken_away) {
    runtime rt(one_worker);
    rt.run([&] {
        while (blocked(rt) < 5) {
            ::usleep(5'000);
            this_fiber::set_nice(static_cast<int>(blocked(rt)));
        }
    });
}

std::atomic<int> foreign_signals{0};

// In a process of its own: weft's handler is installed once.
void keep_the_handler_that_was_there() {
    struct sigaction action{};
    action.sa_handler = [](int) { ++foreign_signals; };
    ::sigaction(SIGURG, &action, nullptr);
    runtime rt(one_worker);
    rt.run([] {
        std::atomic<bool> stop{false};
        fiber hog([&] { compute_until(stop); });
        this_fiber::yield();
        ::raise(SIGURG);
        stop = true;
    });
    std::_Exit(foreign_signals == 1 && preempted(rt) >= 1 ? 0 : 1);
}

TEST(preemption_death_test, a_handler_of_sigurg_that_was_there_gets_what_is_not_ours) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_EXIT(keep_the_handler_that_was_there(), ::testing::ExitedWithCode(0), "");
}

TEST(preemption, a_child_of_fork_goes_on) {
    runtime rt({.workers = 2});
    std::atomic<bool> stop{false};
    std::vector<fiber> hogs;
    for (int i = 0; i < 4; ++i) {
        hogs.push_back(rt.spawn([&] {
            while (!stop) {
                std::free(std::malloc(100));
            }
        }));
    }
    while (preempted(rt) == 0) {
        compute_a_step();
    }
    for (int i = 0; i < 10; ++i) {
        const pid_t child = ::fork();
        if (child == 0) {
            std::free(std::malloc(100));
            ::_exit(17);
        }
        int status = 0;
        ASSERT_EQ(::waitpid(child, &status, 0), child);
        EXPECT_EQ(WEXITSTATUS(status), 17);
    }
    stop = true;
}

// The child must not wait for a worker: none is there.
TEST(preemption, a_child_that_a_fiber_forks_is_a_plain_thread) {
    runtime rt(one_worker);
    rt.run([&] {
        while (blocked(rt) == 0) {
            ::usleep(30'000);
        }
        // The worker is somebody else's by now, unless a tick has come since.
        const pid_t child = ::fork();
        if (child == 0) {
            ::alarm(20);
            this_fiber::yield();
            this_fiber::sleep_for(1ms);
            counting_semaphore<> semaphore(1);
            semaphore.acquire();
            ::_exit(this_fiber::get_id() == fiber::id() ? 17 : 18);
        }
        int status = 0;
        ASSERT_EQ(::waitpid(child, &status, 0), child);
        EXPECT_EQ(WEXITSTATUS(status), 17);
    });
}

}  // namespace
}  // namespace weft
