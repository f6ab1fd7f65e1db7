// SPDX-License-Identifier: Apache-2.0
//
// Exceptions in flight while their fibers wait and go on on other kernel threads.
#include <gtest/gtest.h>
#include <unistd.h>
#include <weft/fiber.h>
#include <weft/runtime.h>

#include <chrono>
#include <cstdlib>
#include <exception>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using namespace std::chrono_literals;

/// Yields until another kernel thread runs this fiber; false if that does not happen. gettid() and
/// not std::this_thread::get_id(), whose answer compilers keep.
bool move_away() {
    const pid_t before = ::gettid();
    const auto deadline = std::chrono::steady_clock::now() + 30s;
    while (::gettid() == before) {
        if (std::chrono::steady_clock::now() > deadline) {
            return false;
        }
        weft::this_fiber::yield();
    }
    return true;
}

struct moves_in_destructor {
    bool& moved;
    int& uncaught;
    ~moves_in_destructor() {
        moved = move_away();
        uncaught = std::uncaught_exceptions();
    }
};

/// Moves in a handler, in one inside of it, after a rethrow, and while an exception is on its way.
std::string throw_everywhere(int number) {
    const std::string mine = std::to_string(number);
    bool moved = false;
    int uncaught = -1;
    try {
        try {
            const moves_in_destructor guard{moved, uncaught};
            throw std::runtime_error(mine);
        } catch (const std::runtime_error& outer) {
            if (!moved || uncaught != 1) {
                return "the exception on its way was lost";
            }
            try {
                throw std::logic_error("inner " + mine);
            } catch (const std::logic_error& inner) {
                if (!move_away() || inner.what() != "inner " + mine) {
                    return "the inner exception was lost";
                }
            }
            if (!move_away() || outer.what() != mine) {
                return "the outer exception was lost";
            }
            throw;
        }
    } catch (const std::runtime_error& again) {
        if (!move_away() || again.what() != mine || std::current_exception() == nullptr) {
            return "the rethrown exception was lost";
        }
    }
    return std::current_exception() == nullptr ? "" : "an exception was left over";
}

TEST(exceptions, move_with_their_fibers_between_kernel_threads) {
    constexpr int count = 32;
    ASSERT_EQ(::setenv("WEFT_STRESS", "migrate", 1), 0);
    std::vector<std::string> failures(count);
    weft::run(weft::runtime_options{.workers = 4}, [&] {
        std::vector<weft::fiber> fibers;
        for (int i = 0; i < count; ++i) {
            fibers.push_back(weft::spawn([&failures, i] {
                for (int round = 0; round < 5 && failures[static_cast<std::size_t>(i)].empty();
                     ++round) {
                    failures[static_cast<std::size_t>(i)] = throw_everywhere(i * 100 + round);
                }
            }));
        }
    });
    ::unsetenv("WEFT_STRESS");
    EXPECT_EQ(failures, std::vector<std::string>(count));
}

TEST(exceptions, many_in_flight_on_one_worker) {
    constexpr int count = 1000;
    int right = 0;
    weft::run(weft::runtime_options{.workers = 1}, [&] {
        std::vector<weft::fiber> fibers;
        for (int i = 0; i < count; ++i) {
            fibers.push_back(weft::spawn([&right, i] {
                try {
                    throw i;
                } catch (int) {
                    for (int round = 0; round < i % 7; ++round) {
                        weft::this_fiber::yield();
                    }
                    try {
                        throw;
                    } catch (int again) {
                        right += again == i ? 1 : 0;
                    }
                }
            }));
        }
    });
    EXPECT_EQ(right, count);
}

TEST(exceptions, a_fiber_starts_without_those_of_its_spawner) {
    weft::run([] {
        try {
            throw std::runtime_error("spawner");
        } catch (const std::runtime_error& error) {
            bool clean = false;
            weft::spawn([&] { clean = std::current_exception() == nullptr; }).join();
            EXPECT_TRUE(clean);
            EXPECT_STREQ(error.what(), "spawner");
            EXPECT_NE(std::current_exception(), nullptr);
        }
    });
}

}  // namespace
