// SPDX-License-Identifier: Apache-2.0
//
// Light work on few workers: who is not needed stands by, and is there again when there is work for
// it.
#include <weft/runtime.h>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <thread>
#include <vector>

#include <weft/task.h>

namespace weft {
namespace {

using namespace std::chrono_literals;
using steady = std::chrono::steady_clock;

constexpr auto safety_net = 20s;

/// Where every fiber moves at each wait all workers are needed.
struct without_stress {
    without_stress() { ::unsetenv("WEFT_STRESS"); }
};

class PackedRuntime : without_stress, public testing::Test {
protected:
    ~PackedRuntime() override {
        done_ = true;
        for (fiber& each : fibers_) {
            each.join();
        }
    }

    /// Fibers that sleep for 200 us at a time and do next to nothing.
    void start_light_work() {
        for (int i = 0; i < 8; ++i) {
            fibers_.push_back(home_.spawn([this] {
                while (!done_) {
                    this_fiber::sleep_for(200us);
                }
            }));
        }
    }

    /// Whether as many workers are needed, waiting for that.
    bool come_to_need(unsigned workers) {
        const auto end = steady::now() + safety_net;
        while (home_.stats().needed_workers != workers) {
            if (steady::now() > end) {
                return false;
            }
            std::this_thread::sleep_for(1ms);
        }
        return true;
    }

    runtime home_{runtime_options{.workers = 2}};
    std::atomic<bool> done_ = false;
    std::vector<fiber> fibers_;
};

TEST_F(PackedRuntime, LightWorkIsDoneByOneWorker) {
    EXPECT_EQ(home_.stats().needed_workers, 2u);
    start_light_work();
    EXPECT_TRUE(come_to_need(1));
}

TEST_F(PackedRuntime, OneThatComputesNeedsAll) {
    start_light_work();
    ASSERT_TRUE(come_to_need(1));
    std::atomic<bool> seen = false;
    fibers_.push_back(home_.spawn([&] {
        while (!seen) {
        }
    }));
    EXPECT_TRUE(come_to_need(2));
    seen = true;
    EXPECT_TRUE(come_to_need(1));
    fibers_.back().join();
    fibers_.pop_back();
}

/// Each of two waits for the other without giving way: they end only if both run at a time.
TEST_F(PackedRuntime, TwoThatComputeRunAtATime) {
    start_light_work();
    for (int i = 0; i < 20; ++i) {
        ASSERT_TRUE(come_to_need(1));
        std::atomic<int> there = 0;
        const auto meet = [&there] {
            ++there;
            const auto end = steady::now() + safety_net;
            while (there != 2 && steady::now() < end) {
            }
            return there == 2;
        };
        std::atomic<int> met = 0;
        fiber one = home_.spawn([&] { met += meet() ? 1 : 0; });
        fiber other = home_.spawn([&] { met += meet() ? 1 : 0; });
        one.join();
        other.join();
        ASSERT_EQ(met, 2);
    }
}

TEST_F(PackedRuntime, FromAPlainThreadToOneWhoseOthersStandBy) {
    start_light_work();
    ASSERT_TRUE(come_to_need(1));
    for (int i = 0; i < 2000; ++i) {
        home_.spawn([] {}).join();
    }
}

/// All sleep and one of them stands by: what comes from outside reaches the other.
TEST_F(PackedRuntime, FromAPlainThreadToOneThatSleeps) {
    start_light_work();
    ASSERT_TRUE(come_to_need(1));
    done_ = true;
    for (fiber& each : fibers_) {
        each.join();
    }
    fibers_.clear();
    for (int i = 0; i < 2000; ++i) {
        home_.spawn([] {}).join();
        if (i % 16 == 0) {
            std::this_thread::sleep_for(100us);  // so that they sleep
        }
    }
}

TEST_F(PackedRuntime, ManyThatAreLightUseAllWorkers) {
    start_light_work();
    ASSERT_TRUE(come_to_need(1));
    std::atomic<bool> enough = false;
    std::vector<fiber> busy;
    for (int i = 0; i < 100; ++i) {
        busy.push_back(home_.spawn([&] {
            while (!enough) {
                this_fiber::yield();
            }
        }));
    }
    EXPECT_TRUE(come_to_need(2));
    enough = true;
    for (fiber& each : busy) {
        each.join();
    }
}

TEST(PackedRuntimes, EndWhileSomeStandBy) {
    const without_stress set;
    for (int i = 0; i < 20; ++i) {
        runtime r({.workers = 4});
        const bool packed = r.run([&] {
            const auto end = steady::now() + safety_net;
            while (r.stats().needed_workers != 1) {
                if (steady::now() > end) {
                    return false;
                }
                this_fiber::sleep_for(100us);
            }
            return true;
        });
        EXPECT_TRUE(packed);
    }
}

TEST(UnpackedRuntime, NeedsAllAtAllTimes) {
    const without_stress set;
    runtime r({.workers = 2, .pack = false});
    r.run([&] {
        for (int i = 0; i < 500; ++i) {
            this_fiber::sleep_for(100us);
            ASSERT_EQ(r.stats().needed_workers, 2u);
        }
    });
}

}  // namespace
}  // namespace weft
