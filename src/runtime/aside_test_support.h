// SPDX-License-Identifier: Apache-2.0
//
// What holds for blocking() and pinned() alike. `aside(call)` makes a call by one of them.
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <exception>
#include <memory>
#include <stdexcept>

#include <gtest/gtest.h>
#include <weft/blocking.h>
#include <weft/fiber.h>
#include <weft/runtime.h>

#include "runtime/preemption_test_support.h"

namespace weft {

inline constexpr runtime_options by_itself{.workers = 1, .preempt = false};

template <class Aside>
void expect_returns_and_throws_what_the_call_does(Aside aside) {
    weft::run(by_itself, [&] {
        int value = 5;
        int& same = aside([&]() -> int& { return value; });
        EXPECT_EQ(&same, &value);
        auto pointer = aside([] { return std::make_unique<int>(3); });
        EXPECT_EQ(*pointer, 3);
        try {
            aside([] { throw std::runtime_error("from within"); });
            ADD_FAILURE() << "nothing was thrown";
        } catch (const std::runtime_error& e) {
            this_fiber::yield();
            EXPECT_STREQ(e.what(), "from within");
        }
        EXPECT_EQ(std::uncaught_exceptions(), 0);
    });
}

template <class Aside>
void expect_a_child_of_fork_returns_from_it(Aside aside) {
    weft::run(by_itself, [&] {
        const pid_t child = aside([] { return ::fork(); });
        if (child == 0) {
            ::_exit(17);
        }
        int status = 0;
        ASSERT_EQ(::waitpid(child, &status, 0), child);
        EXPECT_TRUE(WIFEXITED(status));
        EXPECT_EQ(WEXITSTATUS(status), 17);
    });
}

template <class Aside>
void expect_is_not_taken_for_computing(Aside aside) {
    runtime rt(one_worker);
    rt.run([&] {
        while (blocked(rt) == 0) {
            blocking([] {});  // until there is a spare kernel thread
        }
        std::atomic<bool> stop{false};
        fiber computes([&] { aside([&] { compute_until(stop); }); });
        this_fiber::yield();  // `computes` has a kernel thread of its own when this returns
        const auto start = cpu_time();
        while (cpu_time() - start < std::chrono::milliseconds(30)) {
            this_fiber::yield();
        }
        stop = true;
    });
    EXPECT_EQ(preempted(rt), 0U);
}

}  // namespace weft
