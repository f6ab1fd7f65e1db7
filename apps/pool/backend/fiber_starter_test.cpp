// SPDX-License-Identifier: Apache-2.0
#include "backend/fiber_starter.h"

#include <sys/resource.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <fstream>
#include <memory>
#include <string>

#include <weft/future.h>
#include <weft/runtime.h>

namespace weft::pool {
namespace {

TEST(FiberStarter, RunsOnAFiber) {
    run([] {
        fiber_starter starter;
        promise<int> done;
        starter.start({}, [&] { done.set_value(7); });
        EXPECT_EQ(done.get_future().get(), 7);
        starter.try_again();  // there is nothing
    });
}

/// While it lives no stack as `large` as that can be had.
class no_room {
public:
    no_room() {
        ::getrlimit(RLIMIT_AS, &before_);
        std::size_t pages = 0;
        std::ifstream("/proc/self/statm") >> pages;
        rlimit limit = before_;
        limit.rlim_cur =
            pages * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)) + (std::size_t{64} << 20U);
        ::setrlimit(RLIMIT_AS, &limit);
    }
    no_room(const no_room&) = delete;
    no_room& operator=(const no_room&) = delete;
    ~no_room() { ::setrlimit(RLIMIT_AS, &before_); }

private:
    rlimit before_{};
};

constexpr fiber_options large{.stack_size = std::size_t{512} << 20U};

TEST(FiberStarter, WhatGetsNoStackIsTriedAgain) {
    runtime home({.workers = 2});
    fiber_starter starter;
    std::array<promise<int>, 3> done;
    home.run([&] {
        {
            const no_room left;
            for (int i = 0; i < 3; ++i) {
                starter.start(large,
                              [&done, i] { done[static_cast<std::size_t>(i)].set_value(i); });
            }
            while (home.stats().start_failures < 3) {
                this_fiber::yield();
            }
            starter.try_again();  // in vain
            while (home.stats().start_failures < 6) {
                this_fiber::yield();
            }
        }
        starter.try_again();
        for (int i = 0; i < 3; ++i) {
            EXPECT_EQ(done[static_cast<std::size_t>(i)].get_future().get(), i);
        }
    });
}

TEST(FiberStarter, WhatIsKeptEndsWithIt) {
    runtime home({.workers = 1});
    const auto held = std::make_shared<int>(0);
    home.run([&] {
        fiber_starter starter;
        {
            const no_room left;
            starter.start(large, [held] { ADD_FAILURE(); });
            while (home.stats().start_failures < 1) {
                this_fiber::yield();
            }
        }
        EXPECT_EQ(held.use_count(), 2);
    });
    EXPECT_EQ(held.use_count(), 1);
}

}  // namespace
}  // namespace weft::pool
