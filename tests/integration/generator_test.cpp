// SPDX-License-Identifier: Apache-2.0
#include <weft/generator.h>

#include <memory>
#include <ranges>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <weft/channel.h>
#include <weft/fiber.h>
#include <weft/runtime.h>

namespace weft {

namespace {

generator<int> numbers(int first, int last) {
    for (int i = first; i <= last; ++i) {
        co_yield i;
    }
}

template <class Range>
std::vector<int> all_of(Range&& range) {
    std::vector<int> all;
    for (auto&& each : range) {
        all.push_back(each);
    }
    return all;
}

TEST(Generator, YieldsOneByOneWhenAsked) {
    int made = 0;
    const auto count = [&made](int last) -> generator<int> {
        for (int i = 0; i < last; ++i) {
            ++made;
            co_yield i;
        }
    };
    auto range = count(3);
    EXPECT_EQ(made, 0);
    auto place = range.begin();
    EXPECT_EQ(made, 1);
    EXPECT_EQ(*place, 0);
    EXPECT_EQ(*place, 0);
    ++place;
    EXPECT_EQ(made, 2);
    EXPECT_EQ(*place, 1);
    place++;
    EXPECT_FALSE(place == range.end());
    ++place;
    EXPECT_TRUE(place == range.end());
}

TEST(Generator, MayBeEmpty) {
    EXPECT_TRUE(all_of(numbers(1, 0)).empty());
}

TEST(Generator, IsAViewForRanges) {
    static_assert(std::ranges::input_range<generator<int>>);
    static_assert(std::ranges::view<generator<int>>);
    static_assert(!std::is_copy_constructible_v<generator<int>>);
    auto odd = numbers(1, 1'000'000'000) | std::views::filter([](int n) { return n % 2 == 1; }) |
               std::views::transform([](int n) { return n * n; }) | std::views::take(4);
    EXPECT_EQ(all_of(std::move(odd)), (std::vector<int>{1, 9, 25, 49}));
}

generator<std::unique_ptr<int>> owners() {
    co_yield std::make_unique<int>(1);
    auto named = std::make_unique<int>(2);
    co_yield std::move(named);
}

TEST(Generator, ElementsMayBeMovedFrom) {
    std::vector<std::unique_ptr<int>> taken;
    for (auto&& each : owners()) {
        taken.push_back(std::move(each));
    }
    ASSERT_EQ(taken.size(), 2u);
    EXPECT_EQ(*taken[1], 2);
}

generator<std::string> names(const std::vector<std::string>& from) {
    for (const std::string& each : from) {
        co_yield each;
    }
}

TEST(Generator, WhoMovesFromAnElementTakesACopyOfALvalue) {
    const std::vector<std::string> from{"a long name that is no small string", "b"};
    for (auto&& each : names(from)) {
        const std::string taken = std::move(each);
        EXPECT_FALSE(taken.empty());
    }
    EXPECT_EQ(from[0], "a long name that is no small string");
}

generator<int&> references(std::vector<int>& to) {
    for (int& each : to) {
        co_yield each;
    }
}

TEST(Generator, YieldsReferences) {
    std::vector<int> values{1, 2, 3};
    for (int& each : references(values)) {
        each *= 10;
    }
    EXPECT_EQ(values, (std::vector<int>{10, 20, 30}));
}

/// A tree that leans to one side, in order.
generator<int> descend(int depth) {
    if (depth > 0) {
        co_yield elements_of(descend(depth - 1));
    }
    co_yield depth;
}

TEST(Generator, NestsDeeplyWithoutStack) {
    runtime home({.workers = 1, .stack_size = 16 * 1024});
    home.run([] {
        constexpr int depth = 100'000;
        int expected = 0;
        for (const int each : descend(depth)) {
            ASSERT_EQ(each, expected++);
        }
        EXPECT_EQ(expected, depth + 1);
    });
}

generator<int> between(int first, int last) {
    co_yield -1;
    co_yield elements_of(numbers(first, last));
    co_yield elements_of(numbers(1, 0));
    co_yield -2;
}

TEST(Generator, YieldsAnothersElementsBetweenItsOwn) {
    EXPECT_EQ(all_of(between(4, 6)), (std::vector<int>{-1, 4, 5, 6, -2}));
}

generator<int> fails_after(int count) {
    for (int i = 0; i < count; ++i) {
        co_yield i;
    }
    throw std::runtime_error("no more");
}

TEST(Generator, AnExceptionLeavesTheStepThatMetIt) {
    auto range = fails_after(1);
    auto place = range.begin();
    EXPECT_EQ(*place, 0);
    EXPECT_THROW(++place, std::runtime_error);
    EXPECT_TRUE(place == range.end());
    auto at_once = fails_after(0);
    EXPECT_THROW((void)at_once.begin(), std::runtime_error);
}

generator<int> recovers() {
    try {
        co_yield elements_of(fails_after(2));
    } catch (const std::runtime_error&) {
    }
    co_yield 77;
}

TEST(Generator, AnExceptionOfANestedOneReachesWhoNestedIt) {
    EXPECT_EQ(all_of(recovers()), (std::vector<int>{0, 1, 77}));
}

struct counted {
    explicit counted(int& alive) : alive_(&alive) { ++*alive_; }
    counted(const counted&) = delete;
    counted& operator=(const counted&) = delete;
    ~counted() { --*alive_; }
    int* alive_;
};

generator<int> holds(int& alive, int depth) {
    const counted here(alive);
    if (depth > 0) {
        co_yield elements_of(holds(alive, depth - 1));
    }
    for (int i = 0; i < 1000; ++i) {
        co_yield depth;
    }
}

TEST(Generator, WhatIsNotIteratedToItsEndIsDestroyed) {
    int alive = 0;
    {
        auto range = holds(alive, 3);
        auto place = range.begin();
        EXPECT_EQ(*place, 0);
        EXPECT_EQ(alive, 4);
        auto moved = std::move(range);
        ++place;
        EXPECT_EQ(alive, 4);
    }
    EXPECT_EQ(alive, 0);
}

generator<int> received(channel<int>& from) {
    while (const auto value = from.receive()) {
        co_yield *value;
    }
}

TEST(Generator, ItsBodyWaitsAsAFiberDoes) {
    runtime home({.workers = 1, .preempt = false});
    home.run([] {
        channel<int> numbers_sent;
        const fiber sender = spawn([&] {
            for (int i = 0; i < 5; ++i) {
                EXPECT_TRUE(numbers_sent.send(i));
            }
            numbers_sent.close();
        });
        EXPECT_EQ(all_of(received(numbers_sent)), (std::vector<int>{0, 1, 2, 3, 4}));
    });
}

}  // namespace

}  // namespace weft
