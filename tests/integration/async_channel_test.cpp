// SPDX-License-Identifier: Apache-2.0
//
// <weft/co_channel.h> where a coroutine uses it itself, with its own variables and loops; what its
// calls do otherwise is in channel_test.cpp and select_test.cpp.
#include <weft/co_channel.h>

#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include <weft/fiber.h>
#include <weft/runtime.h>

#include "support.h"

namespace weft {
namespace {

using namespace std::chrono_literals;
using testing::two_workers;

task<> produces(const channel<std::string> c, int count) {
    for (int i = 0; i < count; ++i) {
        const auto sent = co_await co::send(c, std::to_string(i));
        EXPECT_TRUE(sent);
    }
    c.close();
}

task<> consumes(const channel<std::string> c, int count) {
    int i = 0;
    while (auto got = co_await co::receive(c)) {
        EXPECT_EQ(*got, std::to_string(i++));
    }
    EXPECT_EQ(i, count);
    const auto after = co_await co::receive(c, testing::safety_net);
    EXPECT_EQ(after.error(), errc::channel_closed);
}

TEST(CoChannel, CoroutinesOnBothSides) {
    for (const unsigned workers : {1u, 2u}) {
        for (const std::size_t capacity : {0u, 1u, 16u}) {
            runtime home({.workers = workers});
            const channel<std::string> c(capacity);
            auto consumer = home.spawn(consumes(c, 500));
            home.spawn(produces(c, 500)).join();
            consumer.join();
        }
    }
}

task<> sends_in_all_forms() {
    const channel<std::string> c(1);
    const std::string kept = "longer than what a string keeps inside";
    std::string given = kept;
    const auto copied = co_await co::send(c, kept);
    EXPECT_TRUE(copied);
    EXPECT_FALSE(kept.empty());
    const auto full = co_await co::send(c, std::move(given), 1ms);
    EXPECT_EQ(full.error(), std::errc::timed_out);
    EXPECT_EQ(given, kept) << "it stays";  // NOLINT(bugprone-use-after-move)
    const auto got = co_await co::receive(c, testing::safety_net);
    EXPECT_EQ(got, kept);
    const auto sent = co_await co::send(c, std::move(given));
    EXPECT_TRUE(sent);
    EXPECT_TRUE(given.empty());  // NOLINT(bugprone-use-after-move)
    const auto last = co_await co::receive(c);
    EXPECT_EQ(last, kept);
}

TEST(CoChannel, AllForms) {
    run(two_workers, [] { sync_wait(sends_in_all_forms()); });
}

task<> selects_itself(const channel<std::string> in, const channel<std::string> out) {
    int received = 0;
    for (;;) {
        std::optional<std::string> got;
        std::string reply = "reply, longer than what a string keeps inside";
        const auto taken = co_await co::select(
            on_receive(in, [&](std::optional<std::string> v) { got = std::move(v); }),
            on_deadline(testing::safety_net));
        EXPECT_EQ(taken, 0u);
        if (!got) {
            break;
        }
        ++received;
        const auto sent = co_await co::select(on_send(out, std::move(reply)), on_stop({}));
        EXPECT_EQ(sent, 0u);
    }
    EXPECT_EQ(received, 100);
    out.close();
}

TEST(CoSelect, OfACoroutineAgainstAFiber) {
    for (const unsigned workers : {1u, 2u}) {
        run({.workers = workers}, [] {
            const channel<std::string> in;
            const channel<std::string> out;
            auto coroutine = spawn(selects_itself(in, out));
            for (int i = 0; i < 100; ++i) {
                EXPECT_TRUE(in.send(std::to_string(i)));
                EXPECT_TRUE(out.receive());
            }
            in.close();
            EXPECT_EQ(out.receive(), std::nullopt);
            coroutine.join();
        });
    }
}

task<> throws_from_a_handler() {
    const channel<int> c(1);
    EXPECT_TRUE(c.try_send(1));
    const auto fails = [](std::optional<int>) { throw std::runtime_error("no"); };
    static_cast<void>(co_await co::select(on_receive(c, fails)));
}

TEST(CoSelect, WhatAHandlerThrowsLeavesIt) {
    run(two_workers, [] { EXPECT_THROW(sync_wait(throws_from_a_handler()), std::runtime_error); });
}

}  // namespace
}  // namespace weft
