// SPDX-License-Identifier: Apache-2.0
//
// weft::channel beyond what Go says of it (tests/conformance): handles, values of all kinds,
// deadlines and cancellation, all callers on one channel.
#include <weft/channel.h>

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <limits>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "channel_calls.h"

namespace weft {
namespace {

using namespace std::chrono_literals;
using testing::as;
using testing::bound;
using testing::caller;
using testing::calls;
using testing::party;
using testing::two_workers;
using testing::until_receivers_wait;
using testing::until_senders_wait;

/// Counts how many are alive; its value tells whether it was moved from.
class tracked {
public:
    explicit tracked(int value) noexcept : value_(value) { ++alive; }
    tracked(tracked&& other) noexcept : value_(std::exchange(other.value_, -1)) { ++alive; }
    tracked& operator=(tracked&& other) noexcept {
        value_ = std::exchange(other.value_, -1);
        return *this;
    }
    ~tracked() { --alive; }

    [[nodiscard]] int value() const noexcept { return value_; }

    static inline std::atomic<int> alive = 0;

private:
    int value_;
};

TEST(Channel, ACopyIsTheSameChannel) {
    const channel<int> a(1);
    const channel<int> b = a;
    EXPECT_TRUE(a.try_send(1));
    EXPECT_EQ(b.size(), 1u);
    EXPECT_EQ(b.try_receive(), 1);
    b.close();
    EXPECT_TRUE(a.is_closed());
}

TEST(Channel, AMovedFromHandleIsNoChannel) {
    channel<int> a(1);
    const channel<int> b = std::move(a);
    EXPECT_TRUE(b);
    EXPECT_FALSE(a);  // NOLINT(bugprone-use-after-move): what it is then is promised
    a = b;
    EXPECT_EQ(a, b);
    a = nullptr;
    EXPECT_FALSE(a);
    EXPECT_TRUE(b.try_send(1));
}

TEST(Channel, OutlivesWhoMadeIt) {
    run(two_workers, [] {
        fiber receiver;
        {
            const channel<int> c;
            receiver = spawn([c] {
                for (int i = 0; i < 10; ++i) {
                    EXPECT_EQ(c.receive(), i);
                }
            });
            spawn([c] {
                for (int i = 0; i < 10; ++i) {
                    EXPECT_TRUE(c.send(i));
                }
            }).detach();
        }
        receiver.join();
    });
}

TEST(Channel, ValuesThatAreLeftEndWithTheLastHandle) {
    {
        channel<tracked> c(4);
        for (int round = 0; round < 3; ++round) {
            ASSERT_TRUE(c.try_send(tracked(round)));
            ASSERT_TRUE(c.try_send(tracked(round + 10)));
            EXPECT_EQ(c.try_receive()->value(), round == 0 ? 0 : round == 1 ? 10 : 1);
        }
        EXPECT_EQ(tracked::alive, 3);
        const channel<tracked> other = c;
        c = nullptr;
        EXPECT_EQ(tracked::alive, 3);
    }
    EXPECT_EQ(tracked::alive, 0);
}

TEST(Channel, ABufferBeyondAllMemoryIsRefused) {
    constexpr std::size_t all = std::numeric_limits<std::size_t>::max();
    constexpr std::size_t many = std::numeric_limits<std::uint32_t>::max();
    EXPECT_THROW(channel<int>{all}, std::length_error);
    struct large {
        std::array<char, (std::size_t{1} << 31) + 4096> bytes;
    };
    EXPECT_THROW(channel<large>{many}, std::length_error);
}

struct alignas(256) wide {
    int value;
};
struct record {
    std::array<int, 7> values;
    friend bool operator==(const record&, const record&) = default;
};
struct nothing {};

class ChannelByCaller : public ::testing::TestWithParam<caller> {
protected:
    [[nodiscard]] static caller kind() { return GetParam(); }

    runtime home_;  // as many workers as CPUs, or what WEFT_WORKERS says
};
INSTANTIATE_TEST_SUITE_P(Callers, ChannelByCaller, ::testing::ValuesIn(testing::all_callers),
                         ::testing::PrintToStringParamName());

/// From hand to hand to one that waits, from one that waits, through the buffer, and from one that
/// waits into the buffer.
template <class T, class Make, class Check>
void pass_on_all_ways(runtime& home, caller kind, Make make, Check check) {
    const auto receive = [&](const channel<T>& from, int expected) {
        return party(home, kind, [=](const calls& by) {
            std::optional<T> got = by.receive(from);
            ASSERT_TRUE(got);
            check(*got, expected);
        });
    };
    const auto send = [&](const channel<T>& to, int i) {
        return party(home, kind, [=](const calls& by) { EXPECT_TRUE(by.send(to, make(i))); });
    };
    const channel<T> c;
    {
        party receiver = receive(c, 1);
        ASSERT_TRUE(until_receivers_wait(c));
        send(c, 1).join();
    }
    {
        party sender = send(c, 2);
        ASSERT_TRUE(until_senders_wait(c));
        receive(c, 2).join();
    }
    const channel<T> buffered(2);
    for (int i = 0; i < 5; ++i) {
        send(buffered, i).join();
        send(buffered, i + 100).join();
        party waiting = send(buffered, i + 200);
        ASSERT_TRUE(until_senders_wait(buffered));
        receive(buffered, i).join();
        waiting.join();
        receive(buffered, i + 100).join();
        receive(buffered, i + 200).join();
    }
}

TEST_P(ChannelByCaller, ValuesThatOnlyMove) {
    pass_on_all_ways<std::unique_ptr<int>>(
        home_, kind(), [](int i) { return std::make_unique<int>(i); },
        [](const std::unique_ptr<int>& got, int i) { EXPECT_EQ(*got, i); });
}

TEST_P(ChannelByCaller, ValuesThatOwnMemory) {
    const auto text = [](int i) {
        return std::string("longer than what a string keeps inside ") + std::to_string(i);
    };
    pass_on_all_ways<std::string>(home_, kind(), text,
                                  [&](const std::string& got, int i) { EXPECT_EQ(got, text(i)); });
}

TEST_P(ChannelByCaller, ValuesThatAreBytes) {
    pass_on_all_ways<record>(
        home_, kind(), [](int i) { return record{{i, i + 1, i + 2, i + 3, i + 4, i + 5, i + 6}}; },
        [](const record& got, int i) {
            EXPECT_EQ(got, (record{{i, i + 1, i + 2, i + 3, i + 4, i + 5, i + 6}}));
        });
    pass_on_all_ways<char>(
        home_, kind(), [](int i) { return static_cast<char>(i); },
        [](char got, int i) { EXPECT_EQ(got, static_cast<char>(i)); });
    pass_on_all_ways<nothing>(home_, kind(), [](int) { return nothing(); }, [](nothing, int) {});
}

// Not by coroutines, whose frames have no such alignment.
TEST(Channel, ValuesOfLargeAlignment) {
    const channel<wide> unbuffered;
    const channel<wide> buffered(2);
    for (const auto& c : {unbuffered, buffered}) {
        std::jthread sender([&] {
            for (int i = 0; i < 10; ++i) {
                EXPECT_TRUE(c.send(wide{i}));
            }
        });
        for (int i = 0; i < 10; ++i) {
            const std::optional<wide> got = c.receive();
            ASSERT_TRUE(got);
            EXPECT_EQ(got->value, i);
        }
        EXPECT_EQ(reinterpret_cast<std::uintptr_t>(c.state()->buffer) % alignof(wide), 0u);
    }
}

TEST_P(ChannelByCaller, EachValueIsDestroyedOnce) {
    pass_on_all_ways<tracked>(
        home_, kind(), [](int i) { return tracked(i); },
        [](const tracked& got, int i) { EXPECT_EQ(got.value(), i); });
    EXPECT_TRUE(testing::eventually([] { return tracked::alive == 0; }));
}

TEST(Channel, AnOptionalOfAnOptional) {
    const channel<std::optional<int>> c(2);
    EXPECT_TRUE(c.try_send(std::nullopt));
    EXPECT_TRUE(c.try_send(5));
    c.close();
    EXPECT_EQ(c.receive(), std::optional<std::optional<int>>(std::in_place, std::nullopt));
    EXPECT_EQ(c.receive(), std::optional<std::optional<int>>(5));
    EXPECT_FALSE(c.receive().has_value());
}

TEST(Channel, SendCopiesAnLvalue) {
    const channel<std::string> c(2);
    std::string text = "stays";
    EXPECT_TRUE(c.try_send(text));
    EXPECT_TRUE(c.send(text));
    EXPECT_EQ(text, "stays");
    EXPECT_EQ(c.receive(), "stays");
}

// Deadlines.

TEST_P(ChannelByCaller, TimesOutNeverEarlyAndTheValueStays) {
    const channel<std::unique_ptr<int>> c;
    as(home_, kind(), [&](const calls& by) {
        auto value = std::make_unique<int>(3);
        const auto start = clock::now();
        EXPECT_EQ(by.send(c, std::move(value), 3ms).error(), std::errc::timed_out);
        EXPECT_GE(clock::now() - start, 3ms);
        ASSERT_NE(value, nullptr);
        EXPECT_EQ(*value, 3);
        const auto when = clock::now() + 2ms;
        EXPECT_EQ(by.receive(c, when).error(), std::errc::timed_out);
        EXPECT_GE(clock::now(), when);
    });
    EXPECT_EQ(testing::senders_waiting(c) + testing::receivers_waiting(c), 0u);
    pass_on_all_ways<int>(
        home_, kind(), [](int i) { return i; }, [](int got, int i) { EXPECT_EQ(got, i); });
}

TEST_P(ChannelByCaller, DeadlinesThatHavePassed) {
    const channel<int> c(1);
    as(home_, kind(), [&](const calls& by) {
        EXPECT_EQ(by.receive(c, 0s).error(), std::errc::timed_out);
        EXPECT_EQ(by.receive(c, clock::time_point::min()).error(), std::errc::timed_out);
        EXPECT_TRUE(by.send(c, 1, -1h)) << "what need not wait succeeds";
        EXPECT_EQ(by.send(c, 2, -1ns).error(), std::errc::timed_out);
        EXPECT_EQ(by.receive(c, -1h), 1) << "what need not wait succeeds";
        c.close();
        EXPECT_EQ(by.receive(c, -1h).error(), errc::channel_closed);
        EXPECT_EQ(by.send(c, 1, -1h).error(), errc::channel_closed);
    });
}

// Cancellation.

TEST_P(ChannelByCaller, AStopEndsTheWait) {
    const channel<std::unique_ptr<int>> c;
    for (int round = 0; round < 3; ++round) {
        std::stop_source stop;
        party caller(home_, kind(), [&](const calls& by) {
            const calls mine = by.within({.stop = stop.get_token()});
            switch (round) {
                case 0: {
                    auto value = std::make_unique<int>(1);
                    const auto sent = mine.send(c, std::move(value), testing::safety_net);
                    EXPECT_EQ(sent.error(), std::errc::operation_canceled);
                    EXPECT_NE(value, nullptr);
                    break;
                }
                case 1:
                    EXPECT_EQ(mine.receive(c, deadline()).error(), std::errc::operation_canceled);
                    break;
                default:
                    EXPECT_EQ(mine.receive(c), std::nullopt);
            }
        });
        ASSERT_TRUE(round == 0 ? until_senders_wait(c) : until_receivers_wait(c));
        stop.request_stop();
        caller.join();
        EXPECT_EQ(testing::senders_waiting(c) + testing::receivers_waiting(c), 0u);
        EXPECT_EQ(c.try_receive().error(), std::errc::operation_would_block);
    }
    party receiver(home_, kind(), [&](const calls& by) { EXPECT_EQ(**by.receive(c), 2); });
    EXPECT_TRUE(c.send(std::make_unique<int>(2)));
}

TEST_P(ChannelByCaller, AStopThatCameBeforeEndsOnlyWhatWouldWait) {
    const channel<int> c(1);
    std::stop_source stop;
    stop.request_stop();
    as(home_, kind(), [&](const calls& by) {
        const calls mine = by.within({.stop = stop.get_token()});
        EXPECT_EQ(mine.receive(c), std::nullopt);
        EXPECT_EQ(mine.receive(c, testing::safety_net).error(), std::errc::operation_canceled);
        EXPECT_TRUE(mine.send(c, 1));
        EXPECT_EQ(mine.send(c, 2).error(), std::errc::operation_canceled);
        EXPECT_EQ(mine.receive(c), 1);
    });
}

TEST_P(ChannelByCaller, TheDeadlineOfAScope) {
    const channel<int> c;
    as(home_, kind(), [&](const calls& by) {
        const calls mine = by.within({.until = 2ms});
        const auto start = clock::now();
        EXPECT_EQ(mine.receive(c, testing::safety_net).error(), std::errc::timed_out);
        EXPECT_EQ(mine.receive(c), std::nullopt);
        EXPECT_EQ(mine.send(c, 1).error(), std::errc::timed_out);
        EXPECT_LT(clock::now() - start, testing::safety_net);
    });
}

TEST(Channel, ALoopEndsWhenTheScopeStops) {
    run(two_workers, [] {
        const channel<int> c(1);
        std::stop_source stop;
        std::atomic<int> sum = 0;
        fiber loop = spawn([&] {
            const sched::cancel_scope scope(stop.get_token(), {});
            for (const int each : c) {
                sum += each;
            }
        });
        EXPECT_TRUE(c.send(1));
        EXPECT_TRUE(c.send(2));
        ASSERT_TRUE(testing::eventually([&] { return sum == 3; }));
        stop.request_stop();
        loop.join();
        EXPECT_FALSE(c.is_closed());
    });
}

// Stop, deadline and a peer at about the same time: what was sent arrives or stays, once.

std::chrono::microseconds timeout_of(int who, int step) {
    return std::chrono::microseconds((who * 37 + step * 11) % 97);
}

struct totals {
    std::atomic<long> sent = 0;
    std::atomic<long> received = 0;
    std::atomic<int> values = 0;
};

void send_some(const channel<tracked>& c, totals& all, const calls& by, int who) {
    for (int i = 0; i < 60; ++i) {
        tracked value(who * 1000 + i);
        const deadline until = i % 8 == 0 ? deadline() : deadline(timeout_of(who, i));
        if (by.send(c, std::move(value), until)) {
            all.sent += who * 1000 + i;
            ++all.values;
            EXPECT_EQ(value.value(), -1);
        } else {
            EXPECT_EQ(value.value(), who * 1000 + i) << "it stays";
        }
    }
}

void receive_some(const channel<tracked>& c, totals& all, const calls& by, int who) {
    for (int i = 0;; ++i) {
        const deadline until = i % 8 == 0 ? deadline() : deadline(timeout_of(who, i));
        if (const auto got = by.receive(c, until)) {
            all.received += got->value();
            --all.values;
        } else if (got.error() == errc::channel_closed) {
            return;
        }
    }
}

TEST(Channel, ValuesAreConservedUnderTimeoutsBetweenAllCallers) {
    for (const unsigned workers : {1u, 2u, 4u}) {
        for (const std::size_t capacity : {0u, 1u, 5u}) {
            runtime home({.workers = workers});
            const channel<tracked> c(capacity);
            totals all;
            std::vector<party> receivers;
            for (int i = 0; i < 3; ++i) {
                const caller kind = testing::all_callers[static_cast<std::size_t>(i)];
                receivers.emplace_back(
                    home, kind, [&, i](const calls& by) { receive_some(c, all, by, 2 * i + 1); });
            }
            {
                std::vector<party> senders;
                for (int i = 0; i < 6; ++i) {
                    const caller kind = testing::all_callers[static_cast<std::size_t>(i % 3)];
                    senders.emplace_back(home, kind,
                                         [&, i](const calls& by) { send_some(c, all, by, 2 * i); });
                }
            }
            c.close();
            receivers.clear();
            EXPECT_EQ(all.sent, all.received);
            EXPECT_EQ(all.values, 0);
            // A coroutine that has ended may not have given its frame back yet.
            EXPECT_TRUE(testing::eventually([] { return tracked::alive == 0; }));
        }
    }
}

TEST_P(ChannelByCaller, AValueIsNotSpentOnOneThatTimedOut) {
    for (int i = 0; i < 100; ++i) {
        const channel<int> c;
        std::atomic<int> got = 0;
        party first(home_, kind(), [&](const calls& by) {
            if (by.receive(c, std::chrono::microseconds(20 + i % 150))) {
                ++got;
            }
        });
        party second(home_, kind(), [&](const calls& by) {
            while (const auto value = by.receive(c, testing::safety_net)) {
                ++got;
            }
        });
        EXPECT_TRUE(c.send(1, testing::safety_net));
        EXPECT_TRUE(c.send(2, testing::safety_net));
        c.close();
        first.join();
        second.join();
        ASSERT_EQ(got, 2);
    }
}

TEST_P(ChannelByCaller, StopsMeetValues) {
    for (int i = 0; i < 100; ++i) {
        const channel<std::unique_ptr<int>> c;
        std::stop_source stop;
        std::atomic<int> got = 0;
        party receiver(home_, kind(), [&](const calls& by) {
            if (by.within({.stop = stop.get_token()}).receive(c)) {
                ++got;
            }
        });
        party stopper(home_, caller::thread, [&](const calls&) { stop.request_stop(); });
        auto value = std::make_unique<int>(i);
        const auto sent = c.send(std::move(value), 1ms);
        receiver.join();
        ASSERT_EQ(got, sent ? 1 : 0);
        ASSERT_EQ(value == nullptr, sent.has_value());
    }
}

// All kinds of callers on one channel.

TEST(Channel, AllCallersOnOne) {
    constexpr int each_sends = 200;
    for (const unsigned workers : {1u, 2u, 4u}) {
        runtime home({.workers = workers});
        const channel<int> c(2);
        std::atomic<int> sum = 0;
        {
            std::vector<party> receivers;
            for (const caller kind : testing::all_callers) {
                receivers.emplace_back(home, kind, [&](const calls& by) {
                    while (const auto got = by.receive(c)) {
                        sum += *got;
                    }
                });
            }
            std::vector<party> senders;
            for (const caller kind : testing::all_callers) {
                senders.emplace_back(home, kind, [&](const calls& by) {
                    for (int i = 0; i < each_sends; ++i) {
                        ASSERT_TRUE(by.send(c, int{i}));
                    }
                });
            }
            senders.clear();
            c.close();
        }
        EXPECT_EQ(sum, 3 * each_sends * (each_sends - 1) / 2);
    }
}

// The channel may end as soon as the last one that waited has its value.

TEST_P(ChannelByCaller, MayEndRightAfterTheLastTransfer) {
    for (int i = 0; i < 200; ++i) {
        channel<int> c(i % 2 == 0 ? 0 : 1);
        party sender(home_, kind(), [c, i](const calls& by) mutable {
            EXPECT_TRUE(by.send(c, int{i}));
            c = nullptr;
        });
        party receiver(home_, kind(), [c, i](const calls& by) mutable {
            const deadline until = i % 3 == 0 ? deadline() : deadline(testing::safety_net);
            EXPECT_EQ(by.receive(c, until), i);
            c = nullptr;
        });
        c = nullptr;
    }
}

class ChannelDeathTest : public ::testing::Test {
protected:
    ChannelDeathTest() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

TEST_F(ChannelDeathTest, TheLastHandleEndsWhileSomebodyWaits) {
    EXPECT_DEATH(
        {
            runtime home(two_workers);
            channel<int> c;
            fiber waiting = home.spawn([&] { static_cast<void>(c.receive()); });
            static_cast<void>(until_receivers_wait(c));
            c = nullptr;
        },
        "ends while somebody waits for it");
}

TEST_F(ChannelDeathTest, ACoroutineThatBlocks) {
    EXPECT_DEATH(
        {
            runtime home(two_workers);
            const channel<int> c;
            home.spawn([](const channel<int> from) -> task<> {
                    static_cast<void>(from.receive());
                    co_return;
                }(c))
                .join();
        },
        "use its co_await form");
}

}  // namespace
}  // namespace weft
