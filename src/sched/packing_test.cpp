// SPDX-License-Identifier: Apache-2.0
#include "sched/packing.h"

#include <gtest/gtest.h>

namespace weft::sched {
namespace {

constexpr base::nanoseconds_t millisecond = 1'000'000;

/// Reports of worker 0, one each millisecond.
class reporter {
public:
    explicit reporter(packing& to) : to_(to) {}

    /// `count` times: `used` permille of the time, in dispatches of `cost`, of the rest all slept
    /// through. Whether more are needed by any of them.
    bool report(int count, int used, base::nanoseconds_t cost, bool slept = true) {
        bool more = false;
        for (int i = 0; i < count; ++i) {
            now_ += millisecond;
            const auto cpu = used * millisecond / 1000;
            more |= to_.report(0, now_,
                               {.elapsed = millisecond,
                                .cpu = cpu,
                                .slept = slept ? millisecond - cpu : 0,
                                .dispatches = static_cast<std::uint64_t>(cpu / cost)});
        }
        return more;
    }

    void wait(base::nanoseconds_t time) { now_ += time; }
    [[nodiscard]] base::nanoseconds_t now() const { return now_; }

private:
    packing& to_;
    base::nanoseconds_t now_ = 0;
};

TEST(Packing, AllAreNeededAtFirst) {
    const packing of(4, true);
    EXPECT_EQ(of.needed(), 4u);
    EXPECT_FALSE(of.packed());
    EXPECT_EQ(of.queue_for_one(), 1u);
}

TEST(Packing, LightWorkIsForOne) {
    packing of(4, true);
    reporter worker(of);
    EXPECT_FALSE(worker.report(packing::calm_reports, 300, 5000));
    EXPECT_EQ(of.needed(), 4u) << "not after a moment";
    EXPECT_FALSE(worker.report(40, 300, 5000));
    EXPECT_EQ(of.needed(), 1u);
    EXPECT_GE(of.queue_for_one(), 8u);  // 50 us of what takes 5
    EXPECT_LE(of.queue_for_one(), 10u);
}

TEST(Packing, AsManyAsHaveTimeForIt) {
    packing of(4, true);
    reporter worker(of);
    worker.report(40, 300, 5000);
    ASSERT_EQ(of.needed(), 1u);
    EXPECT_TRUE(worker.report(40, 1000, 5000));
    EXPECT_EQ(of.needed(), 2u);
    // Three others are as busy.
    for (unsigned other = 1; other < 4; ++other) {
        for (int i = 0; i < 40; ++i) {
            of.report(other, worker.now(),
                      {.elapsed = millisecond, .cpu = millisecond, .dispatches = 200});
        }
    }
    EXPECT_EQ(of.needed(), 4u);
    // What they said does not last.
    worker.wait(packing::lasting);
    worker.report(40, 300, 5000);
    EXPECT_EQ(of.needed(), 1u);
}

TEST(Packing, HeavyWorkIsForAll) {
    packing of(4, true);
    reporter worker(of);
    worker.report(40, 300, 5000);
    ASSERT_EQ(of.needed(), 1u);
    EXPECT_TRUE(worker.report(1, 300, 100'000));
    EXPECT_EQ(of.needed(), 4u);
    EXPECT_EQ(of.queue_for_one(), 1u);
    EXPECT_FALSE(worker.report(1, 300, 100'000)) << "they are needed already";
    worker.report(packing::calm_reports, 300, 5000);
    EXPECT_EQ(of.needed(), 4u) << "not after a moment";
    worker.report(1, 300, 5000);
    EXPECT_EQ(of.needed(), 1u);
}

TEST(Packing, WhatComputesIsSpread) {
    packing of(2, true);
    reporter worker(of);
    worker.report(40, 300, 5000);
    ASSERT_EQ(of.needed(), 1u);
    EXPECT_TRUE(of.spread());
    EXPECT_FALSE(of.spread());
    EXPECT_EQ(of.needed(), 2u);
    EXPECT_EQ(of.queue_for_one(), 1u);
}

TEST(Packing, NobodyIsCalledWhereTheKernelHasNoTimeForThem) {
    packing of(2, true);
    reporter worker(of);
    worker.report(80, 400, 5000, false);
    EXPECT_EQ(of.needed(), 1u);
    EXPECT_GE(of.queue_for_one(), 300u);
    worker.report(80, 400, 5000);
    EXPECT_LE(of.queue_for_one(), 10u);
}

TEST(Packing, NotWanted) {
    packing of(4, false);
    reporter worker(of);
    EXPECT_FALSE(worker.report(100, 10, 5000));
    EXPECT_EQ(of.needed(), 4u);
    EXPECT_FALSE(of.spread());
    packing alone(1, true);
    EXPECT_EQ(alone.needed(), 1u);
    EXPECT_FALSE(alone.packed());
}

}  // namespace
}  // namespace weft::sched
