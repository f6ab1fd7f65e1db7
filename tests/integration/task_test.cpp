// SPDX-License-Identifier: Apache-2.0
//
// weft::task: values, exceptions, chains, spawning and handles.
#include <weft/task.h>

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <weft/co.h>
#include <weft/runtime.h>
#include <weft/semaphore.h>

#include "support.h"

namespace weft {
namespace {

using testing::one_worker;
using testing::two_workers;

task<int> answer() {
    co_return 42;
}

task<int> twice(task<int> inner) {
    co_return 2 * co_await std::move(inner);
}

task<std::unique_ptr<int>> boxed(int value) {
    co_return std::make_unique<int>(value);
}

task<int&> same(int& value) {
    co_return value;
}

task<int> fails(const char* text) {
    co_await co::yield();
    throw std::runtime_error(text);
    co_return 0;
}

task<> sets(int& target, int value) {
    target = value;
    co_return;
}

struct no_default {
    explicit no_default(int v) : value(v) {}
    int value;
};

task<no_default> made(int value) {
    co_return no_default(value);
}

task<std::string> converted() {
    co_return "text";
}

task<std::pair<int, int>> braced() {
    co_return {1, 2};
}

TEST(Task, Values) {
    run(one_worker, [] {
        EXPECT_EQ(sync_wait(answer()), 42);
        EXPECT_EQ(sync_wait(twice(answer())), 84);
        EXPECT_EQ(*sync_wait(boxed(5)), 5);
        int value = 0;
        sync_wait(sets(value, 7));
        EXPECT_EQ(value, 7);
        EXPECT_EQ(&sync_wait(same(value)), &value);
        EXPECT_EQ(sync_wait(made(3)).value, 3);
        EXPECT_EQ(sync_wait(converted()), "text");
        EXPECT_EQ(sync_wait(braced()).second, 2);
    });
}

task<> references_and_moves_through_awaits() {
    int value = 1;
    int& reference = co_await same(value);
    EXPECT_EQ(&reference, &value);
    const std::unique_ptr<int> box = co_await boxed(9);
    EXPECT_EQ(*box, 9);
    auto held = boxed(10);
    EXPECT_TRUE(static_cast<bool>(held));
    EXPECT_EQ(*co_await std::move(held), 10);
    const auto handle = spawn(boxed(11));
    auto other = spawn(same(value));
    EXPECT_EQ(&co_await other, &value);
    EXPECT_FALSE(other.joinable());
    auto moved = spawn(boxed(12));
    EXPECT_EQ(*co_await moved, 12);
    auto late = spawn(boxed(13));
    while (late.joinable()) {
        EXPECT_EQ(*co_await late, 13);
    }
    auto& not_const = const_cast<task_handle<std::unique_ptr<int>>&>(handle);
    EXPECT_EQ(*co_await not_const, 11);
}

TEST(Task, ReferencesAndMoveOnlyResultsThroughAwaits) {
    run(two_workers, [] { sync_wait(references_and_moves_through_awaits()); });
}

/// Its destructor throws.
struct throws_late {
    throws_late() = default;
    throws_late(const throws_late&) = delete;
    throws_late& operator=(const throws_late&) = delete;
    ~throws_late() noexcept(false) { throw std::runtime_error("late"); }
};

task<std::shared_ptr<int>> throws_after_its_return(std::shared_ptr<int> value) {
    const throws_late late;
    co_return value;
}

task<std::shared_ptr<int>> returns_anew(std::shared_ptr<int> first, std::shared_ptr<int> second) {
    try {
        const throws_late late;
        co_return first;
    } catch (const std::runtime_error&) {
        co_return second;
    }
}

TEST(Task, WhatIsReturnedLastCounts) {
    run(one_worker, [] {
        const auto first = std::make_shared<int>(1);
        const auto second = std::make_shared<int>(2);
        EXPECT_THROW(sync_wait(throws_after_its_return(first)), std::runtime_error);
        EXPECT_EQ(sync_wait(returns_anew(first, second)), second);
        EXPECT_EQ(first.use_count(), 1);
        EXPECT_EQ(second.use_count(), 1);
    });
}

TEST(Task, IsLazyAndDestroyedUnstarted) {
    int value = 0;
    const auto counted = std::make_shared<int>(0);
    {
        const auto never_run = [](std::shared_ptr<int> /*held*/, int& target) -> task<> {
            target = 1;
            co_return;
        };
        const task<> t = never_run(counted, value);
        EXPECT_EQ(counted.use_count(), 2);
    }
    EXPECT_EQ(value, 0);
    EXPECT_EQ(counted.use_count(), 1);
    EXPECT_FALSE(static_cast<bool>(task<>()));
}

task<std::string> catches() {
    std::string text;
    for (const char* const each : {"a", "b"}) {
        try {
            co_await fails(each);
        } catch (const std::runtime_error& error) {
            text += error.what();
        }
    }
    try {
        co_await twice(fails("c"));
    } catch (const std::runtime_error& error) {
        text += error.what();
    }
    auto handle = spawn(fails("d"));
    try {
        co_await handle;
    } catch (const std::runtime_error& error) {
        text += error.what();
    }
    EXPECT_FALSE(handle.joinable());
    co_return text;
}

TEST(Task, ExceptionsLeaveThroughAwaitsAndJoins) {
    run(one_worker, [] {
        EXPECT_EQ(sync_wait(catches()), "abcd");
        auto handle = spawn(fails("joined"));
        try {
            handle.join();
            FAIL() << "nothing thrown";
        } catch (const std::runtime_error& error) {
            EXPECT_STREQ(error.what(), "joined");
        }
        EXPECT_FALSE(handle.joinable());
    });
}

task<long> one_step(long value) {
    co_return value + 1;
}

/// What a chain must not use more of: the stack.
class stack_depth {
public:
    void look() noexcept {
        const auto here = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
        lowest_ = std::min(lowest_, here);
        highest_ = std::max(highest_, here);
    }
    [[nodiscard]] std::size_t span() const noexcept { return highest_ - lowest_; }

private:
    std::uintptr_t lowest_ = ~std::uintptr_t{0};
    std::uintptr_t highest_ = 0;
};

// 64 transfers in a row may nest where the compiler makes no jumps of them.
constexpr std::size_t most_stack = std::size_t{128} * 1024;

task<long> many_steps(long count, stack_depth& depth) {
    long value = 0;
    while (value < count) {
        value = co_await one_step(value);
        if (value % 1000 == 0) {
            depth.look();
        }
    }
    co_return value;
}

TEST(Task, AMillionStepsUseNoStack) {
    run(one_worker, [] {
        stack_depth depth;
        EXPECT_EQ(sync_wait(many_steps(1'000'000, depth)), 1'000'000);
        EXPECT_LT(depth.span(), most_stack);
    });
}

task<long> nested(long depth_left, stack_depth& depth) {
    depth.look();
    if (depth_left == 0) {
        co_return 0;
    }
    const long below = co_await nested(depth_left - 1, depth);
    depth.look();
    co_return below + 1;
}

TEST(Task, AChainOfManyAwaitsUsesNoStack) {
    run(one_worker, [] {
        stack_depth depth;
        EXPECT_EQ(sync_wait(nested(100'000, depth)), 100'000);
        EXPECT_LT(depth.span(), most_stack);
    });
}

task<> nested_throw(int depth_left) {
    if (depth_left == 0) {
        co_await co::yield();
        throw std::runtime_error("from the depth");
    }
    co_await nested_throw(depth_left - 1);
}

TEST(Task, AnExceptionClimbsALongChain) {
    run(one_worker, [] { EXPECT_THROW(sync_wait(nested_throw(1000)), std::runtime_error); });
}

task<> yields(int times, std::atomic<int>& ended) {
    for (int i = 0; i < times; ++i) {
        co_await co::yield();
    }
    ++ended;
}

TEST(TaskHandle, DetachedEndBeforeTheRuntime) {
    std::atomic<int> ended = 0;
    {
        runtime r(two_workers);
        for (int i = 0; i < 100; ++i) {
            r.spawn(yields(i % 10, ended)).detach();
        }
    }
    EXPECT_EQ(ended, 100);
}

TEST(TaskHandle, JoinsAtItsEnd) {
    run(two_workers, [] {
        for (int i = 0; i < 100; ++i) {
            std::atomic<int> ended = 0;
            {
                auto handle = spawn(yields(i % 5, ended));
                EXPECT_TRUE(handle.joinable());
                const auto moved = std::move(handle);
                EXPECT_FALSE(handle.joinable());  // NOLINT(bugprone-use-after-move)
            }
            EXPECT_EQ(ended, 1);
            auto again = spawn(yields(i % 5, ended));
            again = spawn(yields(0, ended));  // the first is joined
            EXPECT_GE(ended, 2);
        }
    });
}

TEST(TaskHandle, JoinedByAPlainThread) {
    runtime r(two_workers);
    for (int i = 0; i < 300; ++i) {
        ASSERT_EQ(*r.spawn(boxed(i)).join(), i);
    }
    EXPECT_THROW(r.spawn(fails("to a thread")).join(), std::runtime_error);
}

task<int> sum_of_children(int depth) {
    if (depth == 0) {
        co_return 1;
    }
    auto left = spawn(sum_of_children(depth - 1));
    auto right = spawn(sum_of_children(depth - 1));
    const int a = co_await left;
    co_return a + co_await right;
}

TEST(TaskHandle, ATreeOfCoroutinesAwaitsItsChildren) {
    run(two_workers, [] { EXPECT_EQ(sync_wait(sum_of_children(11)), 1 << 11); });
}

TEST(TaskHandle, FramesAreFreedOnOtherThreads) {
    runtime r(two_workers);
    std::vector<std::jthread> threads;
    for (int t = 0; t < 2; ++t) {
        threads.emplace_back([&] {
            for (int i = 0; i < 300; ++i) {
                std::vector<task_handle<std::unique_ptr<int>>> handles;
                for (int k = 0; k < 10; ++k) {
                    handles.push_back(r.spawn(boxed(k)));
                }
                EXPECT_EQ(*handles.back().join(), 9);
            }
        });
    }
}

task<> frees_its_body_first(std::shared_ptr<std::atomic<int>> held) {
    co_await co::yield();
    ++*held;
}

TEST(TaskHandle, TheBodyIsFreedHoweverLongTheHandleIsKept) {
    runtime r(one_worker);
    const auto counted = std::make_shared<std::atomic<int>>(0);
    const auto handle = r.spawn(frees_its_body_first(counted));
    EXPECT_TRUE(testing::eventually([&] { return counted.use_count() == 1; }));
    EXPECT_EQ(*counted, 1);
}

// A waker that is no worker may still be inside of its call when what it woke has ended the
// runtime.
TEST(TaskHandle, TheRuntimeMayEndWhileAWakerIsOnItsWayOut) {
    for (int i = 0; i < 300; ++i) {
        binary_semaphore s(0);
        std::jthread waker;
        {
            runtime r(one_worker);
            waker = std::jthread([&] { s.release(); });
            r.run([&] { s.acquire(); });
        }
    }
}

class TaskDeathTest : public ::testing::Test {
protected:
    TaskDeathTest() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

TEST_F(TaskDeathTest, AnExceptionThatNobodyTakes) {
    EXPECT_DEATH(run(one_worker, [] { spawn(fails("lost")).detach(); }), "");
}

TEST_F(TaskDeathTest, SpawnOutsideOfARuntime) {
    EXPECT_DEATH(spawn(answer()).join(), "use runtime::spawn");
}

task<> blocks() {
    binary_semaphore s(0);
    s.acquire();
    co_return;
}

TEST_F(TaskDeathTest, ACoroutineThatBlocks) {
    EXPECT_DEATH(run(one_worker, [] { sync_wait(blocks()); }), "use its co_await form");
}

}  // namespace
}  // namespace weft
