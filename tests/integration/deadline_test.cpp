// SPDX-License-Identifier: Apache-2.0
//
// weft::deadline, and who takes moments of other clocks.
#include <gtest/gtest.h>
#include <weft/co.h>
#include <weft/fiber.h>
#include <weft/future.h>
#include <weft/time.h>

#include <chrono>
#include <cmath>
#include <cstdint>
#include <limits>
#include <ratio>
#include <thread>

#include "callers.h"

namespace weft {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;
using std::chrono::system_clock;
using std::chrono::time_point;

/// Its unit and its epoch are others than the steady clock's.
struct slow_clock {
    using rep = double;
    using period = std::ratio<60>;
    using duration = std::chrono::duration<rep, period>;
    using time_point = std::chrono::time_point<slow_clock>;
    static constexpr bool is_steady = true;
    static time_point now() noexcept {
        return time_point(duration(std::chrono::steady_clock::now().time_since_epoch()) - 1000h);
    }
};

/// Whether `d` is from `least` on after the beginning of the test, and not much later.
void expect_in(deadline d, clock::time_point begin, nanoseconds least) {
    EXPECT_GE(d.time(), begin + least);
    EXPECT_LE(d.time(), clock::now() + least + 1ms);
}

TEST(Deadline, NeverUnlessOneIsGiven) {
    EXPECT_TRUE(deadline().is_never());
    EXPECT_TRUE(deadline::never().is_never());
    EXPECT_FALSE(deadline::never().expired());
    EXPECT_EQ(deadline::never().nanoseconds(), std::numeric_limits<std::int64_t>::max());
    EXPECT_EQ(deadline::never(), deadline(clock::time_point::max()));
    EXPECT_LT(deadline(1000h), deadline::never());
}

TEST(Deadline, OfADurationIsFromNow) {
    const auto begin = clock::now();
    expect_in(5s, begin, 5s);
    expect_in(2min, begin, 2min);
    expect_in(std::chrono::duration<double>(0.5), begin, 500ms);
    expect_in(std::chrono::duration<int, std::pico>(1), begin, 1ns);  // rounded up
    EXPECT_FALSE(deadline(1h).expired());
    EXPECT_FALSE(deadline(1h).is_never());
}

TEST(Deadline, HasComeOnceItIsNotLaterThanNow) {
    EXPECT_TRUE(deadline(0s).expired());
    EXPECT_TRUE(deadline(-1s).expired());
    EXPECT_TRUE(deadline(clock::now()).expired());
    EXPECT_TRUE(deadline(clock::time_point()).expired());
    EXPECT_TRUE(deadline(clock::time_point::min()).expired());
    const deadline soon(1ms);
    while (clock::now() < soon.time()) {
    }
    EXPECT_TRUE(soon.expired());
}

TEST(Deadline, OfAMomentOfItsClockIsThatMoment) {
    const clock::time_point when(nanoseconds(123'456'789));
    EXPECT_EQ(deadline(when).time(), when);
    EXPECT_EQ(deadline(when).nanoseconds(), 123'456'789);
    EXPECT_EQ(deadline::at(when), deadline(when));
    using picoseconds = std::chrono::duration<std::int64_t, std::pico>;
    const time_point<clock, picoseconds> rough(picoseconds(1001));
    EXPECT_EQ(deadline::at(rough).nanoseconds(), 2) << "never early";
}

TEST(Deadline, DurationsBeyondItsRangeAreItsEnds) {
    EXPECT_TRUE(deadline(nanoseconds::max()).is_never());
    EXPECT_TRUE(deadline(std::chrono::seconds::max()).is_never());
    EXPECT_TRUE(deadline(std::chrono::hours::max()).is_never());
    EXPECT_TRUE(deadline(std::chrono::duration<double>(1e30)).is_never());
    EXPECT_TRUE(deadline(std::chrono::duration<double>(INFINITY)).is_never());
    EXPECT_TRUE(deadline(std::chrono::duration<std::uint64_t>(~std::uint64_t{0})).is_never());
    EXPECT_TRUE(deadline(nanoseconds::min()).expired());
    EXPECT_TRUE(deadline(std::chrono::hours::min()).expired());
    EXPECT_TRUE(deadline(std::chrono::duration<double>(-1e30)).expired());
    EXPECT_TRUE(deadline(std::chrono::duration<double>(NAN)).expired());
}

TEST(Deadline, MomentsBeyondItsRangeAreItsEnds) {
    using std::chrono::hours;
    using std::chrono::seconds;
    EXPECT_TRUE(deadline::at(time_point<clock, seconds>::max()).is_never());
    EXPECT_TRUE(deadline::at(time_point<clock, hours>::min()).expired());
    EXPECT_TRUE(deadline::at(system_clock::time_point::max()).is_never());
    EXPECT_TRUE(deadline::at(time_point<system_clock, seconds>::max()).is_never());
    EXPECT_TRUE(deadline::at(time_point<system_clock, hours>::max()).is_never());
    EXPECT_TRUE(deadline::at(system_clock::time_point::min()).expired());
    EXPECT_TRUE(deadline::at(time_point<system_clock, seconds>::min()).expired());
    EXPECT_TRUE(deadline::at(slow_clock::time_point::max()).is_never());
    EXPECT_TRUE(deadline::at(slow_clock::time_point::min()).expired());
}

TEST(Deadline, OfAnotherClockIsAsFarAwayAsThere) {
    const auto begin = clock::now();
    const deadline of_system = deadline::at(system_clock::now() + 1h);
    EXPECT_GT(of_system.time(), begin + 1h - 1min);
    EXPECT_LT(of_system.time(), begin + 1h + 1min);
    const deadline of_slow = deadline::at(slow_clock::now() + 1h);
    EXPECT_GT(of_slow.time(), begin + 1h - 1min);
    EXPECT_LT(of_slow.time(), begin + 1h + 1min);
    EXPECT_TRUE(deadline::at(slow_clock::now() - 1min).expired());
}

using namespace testing;

class AnyClock : public OnEachCaller {};
INSTANTIATE_TEST_SUITE_P(Callers, AnyClock, each_caller, name_of_caller);

/// Sleeps until 5 ms from now of `Clock`.
#define SLEEP_UNTIL(Clock)                                                               \
    [] { return this_fiber::sleep_until(Clock::now() + std::chrono::milliseconds(5)); }, \
        [] { return co::sleep_until(Clock::now() + std::chrono::milliseconds(5)); }

TEST_P(AnyClock, MaySayUntilWhenToSleep) {
    const auto begin = clock::now();
    EXPECT_TRUE(call(SLEEP_UNTIL(clock)));
    EXPECT_TRUE(call(SLEEP_UNTIL(slow_clock)));
    EXPECT_TRUE(call(SLEEP_UNTIL(system_clock)));
    EXPECT_GE(clock::now() - begin, 14ms);
}

TEST(FutureWait, TakesMomentsOfAnyClock) {
    promise<int> p;
    const auto f = p.get_future();
    EXPECT_EQ(f.wait_until(clock::now() + 2ms), std::future_status::timeout);
    EXPECT_EQ(f.wait_until(system_clock::now() + 2ms), std::future_status::timeout);
    EXPECT_EQ(f.wait_until(slow_clock::now()), std::future_status::timeout);
    EXPECT_EQ(f.wait_until(time_point<system_clock, std::chrono::seconds>()),
              std::future_status::timeout);
    p.set_value(1);
    EXPECT_EQ(f.wait_until(system_clock::now() + 1h), std::future_status::ready);
    EXPECT_EQ(f.wait_until(time_point<system_clock, std::chrono::seconds>::max()),
              std::future_status::ready);
}

TEST(Fiber, HardwareConcurrencyIsThatOfThreads) {
    EXPECT_EQ(fiber::hardware_concurrency(), std::thread::hardware_concurrency());
}

}  // namespace
}  // namespace weft
