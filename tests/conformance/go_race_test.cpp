// SPDX-License-Identifier: Apache-2.0
//
// What Go's channels and selects keep to where several race, and programs that are made of many:
// for fibers, plain threads and coroutines. What is promised of one call after the other is in
// go_channel_test.cpp and go_select_test.cpp.
#include <weft/select.h>

#include <gtest/gtest.h>

#include <atomic>
#include <optional>
#include <vector>

#include "integration/channel_calls.h"

namespace weft {
namespace {

using testing::as;
using testing::caller;
using testing::calls;
using testing::eventually;
using testing::party;

const auto drop = [](std::optional<int> /*unused*/) {};

class GoRace : public ::testing::TestWithParam<caller> {
protected:
    [[nodiscard]] static caller kind() { return GetParam(); }

    runtime home_;  // as many workers as CPUs, or what WEFT_WORKERS says
};
INSTANTIATE_TEST_SUITE_P(Callers, GoRace, ::testing::ValuesIn(testing::all_callers),
                         ::testing::PrintToStringParamName());

/// Two that begin each round at the same time.
class meeting {
public:
    /// One of the two, at the begin of `round` (0, 1, ...).
    void begin(int round) {
        ++arrived_;
        while (arrived_ < 2 * (round + 1)) {
            this_fiber::yield();
        }
    }

private:
    std::atomic<int> arrived_ = 0;
};

constexpr int race_rounds = 300;

// A channel that has a value until it is closed is ready at any time: no call that does not wait
// finds nothing to do, however the value is taken and the channel closed beside it.

TEST_P(GoRace, ReceiveThatDoesNotWaitBesideReceiveAndClose) {
    const std::vector<channel<int>> all = [] {
        std::vector<channel<int>> made;
        for (int i = 0; i < race_rounds; ++i) {
            made.emplace_back(1);
        }
        return made;
    }();
    meeting both;
    std::atomic<int> received = 0;
    party trying(home_, kind(), [&](const calls& by) {
        for (int i = 0; i < race_rounds; ++i) {
            const channel<int>& c = all[static_cast<std::size_t>(i)];
            both.begin(i);
            if (i % 2 == 0) {
                const result<int> got = c.try_receive();
                EXPECT_TRUE(got || got.error() == errc::channel_closed) << got.error().message();
                received += got ? 1 : 0;
            } else {
                const auto count = [&](std::optional<int> v) { received += v ? 1 : 0; };
                EXPECT_EQ(by.select(on_receive(c, count), otherwise()), 0u);
            }
        }
    });
    as(home_, kind(), [&](const calls& by) {
        for (int i = 0; i < race_rounds; ++i) {
            const channel<int>& c = all[static_cast<std::size_t>(i)];
            EXPECT_TRUE(c.try_send(i));
            both.begin(i);
            c.close();
            received += by.receive(c) ? 1 : 0;
        }
    });
    trying.join();
    EXPECT_EQ(received, race_rounds) << "each value once";
}

// Two channels of which one is ready at any time: the other becomes so, by a value or by being
// closed, before the first one stops to be. A select that does not wait takes one of them.

void select_beside(runtime& home, caller kind, bool closes) {
    struct pair {
        channel<int> a{1};
        channel<int> b{1};
    };
    std::vector<pair> made;
    for (int i = 0; i < race_rounds; ++i) {
        made.emplace_back();
    }
    meeting both;
    party selecting(home, kind, [&](const calls& by) {
        for (int i = 0; i < race_rounds; ++i) {
            const pair& each = made[static_cast<std::size_t>(i)];
            both.begin(i);
            const auto taken =
                by.select(on_receive(each.a, drop), on_receive(each.b, drop), otherwise());
            EXPECT_TRUE(taken == 0u || taken == 1u) << "round " << i;
        }
    });
    as(home, kind, [&](const calls& by) {
        for (int i = 0; i < race_rounds; ++i) {
            const pair& each = made[static_cast<std::size_t>(i)];
            EXPECT_TRUE(each.a.try_send(1));
            both.begin(i);
            if (closes) {
                each.b.close();
            } else {
                EXPECT_TRUE(each.b.try_send(2));
            }
            EXPECT_TRUE(by.select(on_receive(each.a, drop), otherwise()));
        }
    });
}

TEST_P(GoRace, SelectThatDoesNotWaitWhileOneOfTwoIsReady) {
    select_beside(home_, kind(), false);
}

TEST_P(GoRace, SelectThatDoesNotWaitWhileOneOfTwoIsReadyOrClosed) {
    select_beside(home_, kind(), true);
}

// Whatever goes through one channel, the cases of others are taken, too.

TEST_P(GoRace, ABusyChannelStarvesNoOtherCase) {
    for (const std::size_t capacity : {0u, 8u}) {
        const channel<int> busy(capacity);
        const channel<int> rare(1);
        const channel<int> end;
        party sending(home_, kind(), [&](const calls& by) {
            for (int i = 0; by.send(busy, int{i}); ++i) {
            }
        });
        as(home_, kind(), [&](const calls& by) {
            for (int round = 0; round < 20; ++round) {
                EXPECT_TRUE(rare.try_send(round));
                int others = 0;
                bool taken = false;
                while (!taken) {
                    ASSERT_TRUE(by.select(
                        on_receive(busy, [&](std::optional<int>) { ++others; }),
                        on_receive(rare, [&](std::optional<int> v) { taken = v == round; }),
                        on_receive(end, drop)));
                }
                // Each time one of two: so many in a row come once in 2^80.
                EXPECT_LT(others, 80);
            }
            end.close();
            int others = 0;
            while (by.select(on_receive(busy, drop), on_receive(end, drop)) != 1u) {
                ASSERT_LT(++others, 80);
            }
        });
        busy.close();
    }
}

// A sieve: each prime is a filter of its own, which takes from the one before and gives to the
// next.

void filter(const calls& by, const channel<int>& from, const channel<int>& to, int prime) {
    while (const auto n = by.receive(from)) {
        if (*n % prime != 0 && !by.send(to, int{*n})) {
            return;
        }
    }
}

TEST_P(GoRace, ASieveOfAFilterForEachPrime) {
    const std::vector<int> expected{2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47};
    std::vector<int> primes;
    std::vector<channel<int>> all{channel<int>()};
    std::vector<party> running;
    running.emplace_back(home_, kind(), [to = all[0]](const calls& by) {
        for (int n = 2; by.send(to, int{n}); ++n) {
        }
    });
    while (primes.size() < expected.size()) {
        const channel<int> from = all.back();
        as(home_, kind(),
           [&](const calls& by) { primes.push_back(by.receive(from).value_or(-1)); });
        const channel<int> to;
        all.push_back(to);
        running.emplace_back(home_, kind(), [from, to, prime = primes.back()](const calls& by) {
            filter(by, from, to, prime);
        });
    }
    EXPECT_EQ(primes, expected);
    for (const auto& each : all) {
        each.close();
    }
}

// A chain: each adds 1 to what its right neighbour sends it. All wait before the first value comes.

task<> pass_on(channel<int> left, channel<int> right) {
    auto value = co_await co::receive(right);
    auto sent = co_await co::send(left, value.value() + 1);
    EXPECT_TRUE(sent);
}

TEST_P(GoRace, AChainOfThousands) {
    const int length = kind() == caller::thread ? 50 : 2000;
    const channel<int> leftmost;
    channel<int> left = leftmost;
    {
        std::vector<party> blocking;
        std::vector<task_handle<>> coroutines;
        for (int i = 0; i < length; ++i) {
            const channel<int> right;
            if (kind() == caller::coroutine) {
                coroutines.push_back(home_.spawn(pass_on(left, right)));
            } else {
                blocking.emplace_back(home_, kind(), [left, right](const calls& by) {
                    EXPECT_TRUE(by.send(left, by.receive(right).value() + 1));
                });
            }
            left = right;
        }
        as(home_, kind(), [&](const calls& by) {
            EXPECT_TRUE(by.send(left, 0));
            EXPECT_EQ(by.receive(leftmost), length);
        });
        for (auto& each : coroutines) {
            each.join();
        }
    }
}

}  // namespace
}  // namespace weft
