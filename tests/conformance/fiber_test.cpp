// SPDX-License-Identifier: Apache-2.0
//
// weft::fiber against what std::jthread does, case by case, by fibers and plain threads. Where it
// differs on purpose the name of the case says so. What fibers have beyond it is tested beside the
// scheduler (src/runtime/fiber_test.cpp).
#include <weft/fiber.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <compare>
#include <functional>
#include <memory>
#include <new>
#include <set>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <unordered_set>
#include <utility>
#include <vector>

#include <weft/semaphore.h>

#include "callers.h"

namespace weft {
namespace {

using testing::expect_cancelled;
using testing::safety_net;

static_assert(std::is_nothrow_default_constructible_v<fiber>);
static_assert(std::is_nothrow_move_constructible_v<fiber>);
static_assert(std::is_nothrow_move_assignable_v<fiber>);
static_assert(std::is_nothrow_swappable_v<fiber>);
static_assert(!std::is_constructible_v<fiber, fiber&> &&
              !std::is_constructible_v<fiber, const fiber&>);
static_assert(!std::is_copy_assignable_v<fiber>);
static_assert(!std::is_convertible_v<void (*)(), fiber>, "its constructor is explicit");
static_assert(std::is_trivially_copyable_v<fiber::id>);
static_assert(std::three_way_comparable<fiber::id, std::strong_ordering>);
static_assert(std::is_default_constructible_v<std::hash<fiber::id>>);
static_assert(!std::is_convertible_v<std::uint64_t, fiber::id>);

/// Until a stop is requested of its own token.
const auto until_stopped = [](const std::stop_token& token) {
    EXPECT_TRUE(testing::eventually([&] { return token.stop_requested(); }));
};

WEFT_TEST_BY_BLOCKING_CALLER(FiberConformance, DefaultConstructedHoldsNothing) {
    this->act([&]() -> task<> {
        fiber none;
        EXPECT_FALSE(none.joinable());
        EXPECT_EQ(none.get_id(), fiber::id());
        EXPECT_FALSE(none.get_stop_source().stop_possible());
        EXPECT_FALSE(none.get_stop_token().stop_possible());
        EXPECT_FALSE(none.get_stop_token().stop_requested());
        EXPECT_FALSE(none.request_stop());
        fiber other;
        none.swap(other);
        none = std::move(other);
        EXPECT_FALSE(none.joinable());
        co_return;
    });
}

WEFT_TEST_BY_BLOCKING_CALLER(FiberConformance, TheTokenOfTheCallableIsThatOfTheHandle) {
    this->act([&]() -> task<> {
        std::stop_token its;
        fiber f = this->home.spawn([&](std::stop_token token) {
            its = token;
            until_stopped(token);
        });
        EXPECT_TRUE(f.get_stop_token().stop_possible());
        EXPECT_EQ(f.get_stop_source().get_token(), f.get_stop_token());
        EXPECT_FALSE(f.get_stop_token().stop_requested());
        EXPECT_TRUE(f.request_stop());
        EXPECT_FALSE(f.request_stop()) << "only the first one";
        EXPECT_FALSE(f.get_stop_source().request_stop());
        f.join();
        EXPECT_EQ(its, f.get_stop_token());
        co_return;
    });
}

// Of std::jthread the handle of each thread has a stop state.

WEFT_TEST_BY_BLOCKING_CALLER(FiberConformance, WithoutATokenThereIsNoStopStateUnlikeTheStandards) {
    this->act([&]() -> task<> {
        std::atomic<bool> had_one = true;
        fiber f = this->home.spawn([&] { had_one = this_fiber::get_stop_token().stop_possible(); });
        EXPECT_TRUE(f.joinable());
        EXPECT_FALSE(f.get_stop_source().stop_possible());
        EXPECT_FALSE(f.get_stop_token().stop_possible());
        EXPECT_FALSE(f.request_stop());
        f.join();
        EXPECT_FALSE(had_one);
        co_return;
    });
}

struct both_ways {
    std::string* called;
    void operator()() const { *called = "without"; }
    void operator()(std::stop_token /*unused*/) const { *called = "with"; }
};

WEFT_TEST_BY_BLOCKING_CALLER(FiberConformance, WhoCanTakeATokenGetsIt) {
    this->act([&]() -> task<> {
        std::string called;
        this->home.spawn(both_ways{&called}).join();
        EXPECT_EQ(called, "with");
        co_return;
    });
}

WEFT_TEST_BY_BLOCKING_CALLER(FiberConformance, ATokenThatIsAnArgumentIsNotReplaced) {
    this->act([&]() -> task<> {
        const std::stop_source mine;
        bool same = false;
        const auto takes_one = [&](const std::stop_token& t) { same = t == mine.get_token(); };
        this->home.spawn(takes_one, mine.get_token()).join();
        EXPECT_TRUE(same);
        co_return;
    });
}

struct account {
    int balance = 0;
    void add(int amount) { balance += amount; }
};

WEFT_TEST_BY_BLOCKING_CALLER(FiberConformance, ArgumentsComeAfterTheTokenAsCopies) {
    this->act([&]() -> task<> {
        std::string text = "as it was";
        std::string seen;
        int count = 0;
        fiber f = this->home.spawn(
            [&seen](const std::stop_token& token, const std::string& copy, int& by_reference,
                    std::unique_ptr<int> moved) {
                EXPECT_TRUE(token.stop_possible());
                seen = copy;
                by_reference = *moved;
            },
            text, std::ref(count), std::make_unique<int>(3));
        text = "changed";
        f.join();
        EXPECT_EQ(seen, "as it was");
        EXPECT_EQ(count, 3);
        account mine;
        this->home.spawn(&account::add, &mine, 7).join();
        this->home.spawn(&account::add, std::ref(mine), 8).join();
        EXPECT_EQ(mine.balance, 15);
        co_return;
    });
}

WEFT_TEST_BY_BLOCKING_CALLER(FiberConformance, MovingTakesTheStopStateAlong) {
    this->act([&]() -> task<> {
        fiber a = this->home.spawn(until_stopped);
        const fiber::id id = a.get_id();
        const std::stop_token token = a.get_stop_token();
        fiber b(std::move(a));
        // NOLINTBEGIN(bugprone-use-after-move): it holds nothing.
        EXPECT_FALSE(a.joinable());
        EXPECT_EQ(a.get_id(), fiber::id());
        EXPECT_FALSE(a.get_stop_source().stop_possible());
        EXPECT_FALSE(a.request_stop());
        EXPECT_EQ(b.get_id(), id);
        EXPECT_EQ(b.get_stop_token(), token);
        EXPECT_FALSE(token.stop_requested());
        a = std::move(b);
        EXPECT_FALSE(b.get_stop_source().stop_possible());
        // NOLINTEND(bugprone-use-after-move)
        EXPECT_EQ(a.get_stop_token(), token);
        EXPECT_TRUE(a.request_stop());
        a.join();
        co_return;
    });
}

WEFT_TEST_BY_BLOCKING_CALLER(FiberConformance, SwapTakesTheStopStateAlong) {
    this->act([&]() -> task<> {
        fiber a = this->home.spawn(until_stopped);
        fiber b = this->home.spawn(until_stopped);
        fiber none;
        const auto ids = std::pair(a.get_id(), b.get_id());
        const auto tokens = std::pair(a.get_stop_token(), b.get_stop_token());
        a.swap(b);
        EXPECT_EQ(std::pair(b.get_id(), a.get_id()), ids);
        EXPECT_EQ(std::pair(b.get_stop_token(), a.get_stop_token()), tokens);
        swap(a, none);
        EXPECT_FALSE(a.joinable());
        EXPECT_FALSE(a.get_stop_token().stop_possible());
        EXPECT_EQ(none.get_id(), ids.second);
        std::ranges::swap(none, none);
        EXPECT_TRUE(none.request_stop());
        none.join();
        EXPECT_TRUE(tokens.second.stop_requested());
        EXPECT_FALSE(tokens.first.stop_requested());
        co_return;
    });
}

WEFT_TEST_BY_BLOCKING_CALLER(FiberConformance, MoveAssignmentStopsAndJoinsWhatWasThere) {
    this->act([&]() -> task<> {
        bool first_ended = false;
        fiber f = this->home.spawn([&](const std::stop_token& token) {
            until_stopped(token);
            first_ended = true;
        });
        const std::stop_token first = f.get_stop_token();
        fiber second = this->home.spawn(until_stopped);
        const fiber::id id = second.get_id();
        f = std::move(second);
        EXPECT_TRUE(first_ended);
        EXPECT_TRUE(first.stop_requested());
        EXPECT_EQ(f.get_id(), id);
        EXPECT_FALSE(f.get_stop_token().stop_requested());
        f = fiber();
        EXPECT_FALSE(f.joinable());
        EXPECT_FALSE(f.get_stop_token().stop_possible());
        co_return;
    });
}

WEFT_TEST_BY_BLOCKING_CALLER(FiberConformance, SelfMoveDoesNothing) {
    this->act([&]() -> task<> {
        fiber f = this->home.spawn(until_stopped);
        const fiber::id id = f.get_id();
        fiber& same = f;
        f = std::move(same);
        EXPECT_TRUE(f.joinable());
        EXPECT_EQ(f.get_id(), id);
        EXPECT_TRUE(f.get_stop_token().stop_possible());
        EXPECT_FALSE(f.get_stop_token().stop_requested());
        co_return;
    });
}

WEFT_TEST_BY_BLOCKING_CALLER(FiberConformance, ItsEndStopsAndJoins) {
    this->act([&]() -> task<> {
        bool ended = false;
        std::stop_token token;
        {
            const fiber f = this->home.spawn([&](const std::stop_token& mine) {
                until_stopped(mine);
                ended = true;
            });
            token = f.get_stop_token();
        }
        EXPECT_TRUE(ended);
        EXPECT_TRUE(token.stop_requested());
        co_return;
    });
}

WEFT_TEST_BY_BLOCKING_CALLER(FiberConformance, AStopEndsItsWaits) {
    this->act([&]() -> task<> {
        result<void> slept;
        {
            const fiber f = this->home.spawn(
                [&](std::stop_token /*unused*/) { slept = this_fiber::sleep_for(safety_net); });
        }
        expect_cancelled(slept.error());
        co_return;
    });
}

WEFT_TEST_BY_BLOCKING_CALLER(FiberConformance, DetachedItCanStillBeStopped) {
    this->act([&]() -> task<> {
        counting_semaphore<> ended(0);
        fiber f = this->home.spawn([&](const std::stop_token& token) {
            until_stopped(token);
            ended.release();
        });
        const std::stop_token token = f.get_stop_token();
        f.detach();
        EXPECT_FALSE(f.joinable());
        EXPECT_EQ(f.get_id(), fiber::id());
        EXPECT_EQ(f.get_stop_token(), token);
        std::stop_source source = f.get_stop_source();
        {
            const fiber gone = std::move(f);
        }
        EXPECT_FALSE(token.stop_requested()) << "nothing is left that its end could stop";
        EXPECT_TRUE(source.request_stop());
        ended.acquire();
        co_return;
    });
}

WEFT_TEST_BY_BLOCKING_CALLER(FiberConformance, JoinedItKeepsItsStopState) {
    this->act([&]() -> task<> {
        int written = 0;
        fiber f = this->home.spawn([&](std::stop_token /*unused*/) { written = 1; });
        f.join();
        EXPECT_EQ(written, 1) << "what it did is seen";
        EXPECT_FALSE(f.joinable());
        EXPECT_EQ(f.get_id(), fiber::id());
        EXPECT_TRUE(f.get_stop_token().stop_possible());
        EXPECT_FALSE(f.get_stop_token().stop_requested()) << "join() requests none";
        EXPECT_TRUE(f.request_stop());
        co_return;
    });
}

WEFT_TEST_BY_BLOCKING_CALLER(FiberConformance, StoppedByAnotherWhileItIsJoined) {
    fiber f = this->home.spawn([](std::stop_token /*unused*/) {
        expect_cancelled(this_fiber::sleep_for(safety_net).error());
    });
    std::stop_source source = f.get_stop_source();
    auto joiner = this->start([&]() -> task<> {
        f.join();
        co_return;
    });
    testing::until_all_wait();
    this->act([&]() -> task<> {
        EXPECT_TRUE(source.request_stop());
        co_return;
    });
    joiner.join();
}

WEFT_TEST_BY_BLOCKING_CALLER(FiberConformance, WhatItWasStartedWithEndsBeforeItIsJoined) {
    this->act([&]() -> task<> {
        const auto counted = std::make_shared<int>(0);
        for (const bool throws : {false, true}) {
            fiber f = this->home.spawn(
                [counted, throws](const std::shared_ptr<int>& argument) {
                    EXPECT_GE(argument.use_count(), 3);
                    if (throws) {
                        throw std::runtime_error("of the fiber");
                    }
                },
                counted);
            if (throws) {
                EXPECT_THROW(f.join(), std::runtime_error);
            } else {
                f.join();
            }
            EXPECT_FALSE(f.joinable());
            EXPECT_EQ(counted.use_count(), 1);
        }
        co_return;
    });
}

/// Throws when the `limit`-th copy is made; counts those that live.
class throws_on_copy {
public:
    throws_on_copy(int limit, std::atomic<int>* alive) : left_(limit), alive_(alive) { ++*alive_; }
    throws_on_copy(const throws_on_copy& other) : left_(other.left_ - 1), alive_(other.alive_) {
        if (left_ == 0) {
            throw std::bad_alloc();
        }
        ++*alive_;
    }
    throws_on_copy& operator=(const throws_on_copy&) = delete;
    ~throws_on_copy() { --*alive_; }

private:
    int left_;
    std::atomic<int>* alive_;  // the caller's copy ends while the fiber has its own
};

WEFT_TEST_BY_BLOCKING_CALLER(FiberConformance, ACopyThatThrowsStartsNothing) {
    this->act([&]() -> task<> {
        std::atomic<int> alive = 0;
        std::atomic<int> ran = 0;
        // All copies that are made on the way, however many.
        for (int limit = 1; limit < 20; ++limit) {
            const int before = ran;
            const throws_on_copy value(limit, &alive);
            try {
                fiber f = this->home.spawn([&](const throws_on_copy&) { ++ran; }, value);
                f.join();
                EXPECT_EQ(ran, before + 1);
            } catch (const std::bad_alloc&) {
                EXPECT_EQ(ran, before);
            }
            try {
                fiber f = this->home.spawn([&ran, value](std::stop_token) { ++ran; });
                f.join();
            } catch (const std::bad_alloc&) {
            }
            EXPECT_EQ(alive.load(), 1) << "limit " << limit;
        }
        EXPECT_GT(ran, 0) << "the loop came to an end of copies";
        co_return;
    });
}

WEFT_TEST_BY_BLOCKING_CALLER(FiberConformance, IdsAreOrderedAndHashed) {
    this->act([&]() -> task<> {
        constexpr std::size_t count = 8;
        std::vector<fiber> all;
        std::vector<fiber::id> own(count);
        for (std::size_t i = 0; i < count; ++i) {
            all.push_back(this->home.spawn([&, i] { own[i] = this_fiber::get_id(); }));
        }
        std::set<fiber::id> ordered{fiber::id()};
        std::unordered_set<fiber::id> hashed{fiber::id()};
        std::vector<fiber::id> ids;
        for (const fiber& each : all) {
            ids.push_back(each.get_id());
            ordered.insert(each.get_id());
            hashed.insert(each.get_id());
            EXPECT_EQ(std::hash<fiber::id>()(each.get_id()),
                      std::hash<fiber::id>()(fiber::id(each.get_id())));
        }
        EXPECT_EQ(ordered.size(), count + 1);
        EXPECT_EQ(hashed.size(), count + 1);
        for (const fiber::id a : ids) {
            for (const fiber::id b : ids) {
                EXPECT_EQ(a == b, (a <=> b) == 0);
                EXPECT_EQ(a<b, b> a);
                EXPECT_EQ(a <= b, a < b || a == b);
            }
        }
        for (fiber& each : all) {
            each.join();
        }
        EXPECT_EQ(own, ids);
        co_return;
    });
}

class FiberConformanceDeathTest : public ::testing::Test {
protected:
    FiberConformanceDeathTest() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

TEST_F(FiberConformanceDeathTest, JoiningAndDetachingNothing) {
    EXPECT_DEATH(fiber().join(), "join\\(\\) of a fiber handle that holds no fiber");
    EXPECT_DEATH(fiber().detach(), "detach\\(\\) of a fiber handle that holds no fiber");
    EXPECT_DEATH(run(testing::one_worker,
                     [] {
                         fiber f = spawn([] {});
                         f.join();
                         f.join();
                     }),
                 "holds no fiber");
}

TEST_F(FiberConformanceDeathTest, AnExceptionThatNobodyTookBeforeItsEnd) {
    EXPECT_DEATH(run(testing::one_worker,
                     [] { const fiber f = spawn([] { throw std::runtime_error("not taken"); }); }),
                 "not taken");
}

}  // namespace
}  // namespace weft
