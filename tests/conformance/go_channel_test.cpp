// SPDX-License-Identifier: Apache-2.0
//
// What the Go specification says of channels, case by case, for fibers, plain threads and
// coroutines: https://go.dev/ref/spec (Channel types, Send statements, Receive operator, Close, For
// statements with range clause). Where weft differs on purpose the name of the case says so.
#include <weft/channel.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <numeric>
#include <vector>

#include "integration/channel_calls.h"

namespace weft {
namespace {

using namespace std::chrono_literals;
using testing::actor;
using testing::actor_kind;
using testing::as;
using testing::caller;
using testing::calls;
using testing::party;
using testing::until_receivers_wait;
using testing::until_senders_wait;

class GoChannel : public ::testing::TestWithParam<caller> {
protected:
    [[nodiscard]] static caller kind() { return GetParam(); }

    runtime home_;  // as many workers as CPUs, or what WEFT_WORKERS says
};
INSTANTIATE_TEST_SUITE_P(Callers, GoChannel, ::testing::ValuesIn(testing::all_callers),
                         ::testing::PrintToStringParamName());

// "If the capacity is zero or absent, the channel is unbuffered and communication succeeds only
// when both a sender and receiver are ready."

TEST_P(GoChannel, UnbufferedSendWaitsForAReceiver) {
    const channel<int> c;
    std::atomic<bool> sent = false;
    party sender(home_, kind(), [&](const calls& by) {
        EXPECT_TRUE(by.send(c, 7));
        sent = true;
    });
    ASSERT_TRUE(until_senders_wait(c));
    EXPECT_FALSE(sent);
    EXPECT_EQ(c.size(), 0u);
    as(home_, kind(), [&](const calls& by) { EXPECT_EQ(by.receive(c), 7); });
    sender.join();
    EXPECT_TRUE(sent);
}

TEST_P(GoChannel, UnbufferedReceiveWaitsForASender) {
    const channel<int> c;
    std::atomic<int> received = 0;
    party receiver(home_, kind(), [&](const calls& by) { received = by.receive(c).value_or(-1); });
    ASSERT_TRUE(until_receivers_wait(c));
    EXPECT_EQ(received, 0);
    as(home_, kind(), [&](const calls& by) { EXPECT_TRUE(by.send(c, 8)); });
    receiver.join();
    EXPECT_EQ(received, 8);
}

// "A send on an unbuffered channel can proceed if a receiver is ready."

TEST_P(GoChannel, UnbufferedTrySendNeedsAReceiverThatWaits) {
    const channel<int> c;
    EXPECT_EQ(c.try_send(1).error(), std::errc::operation_would_block);
    EXPECT_EQ(c.try_receive().error(), std::errc::operation_would_block);
    party receiver(home_, kind(), [&](const calls& by) { EXPECT_EQ(by.receive(c), 2); });
    ASSERT_TRUE(until_receivers_wait(c));
    EXPECT_TRUE(c.try_send(2));
    receiver.join();
    party sender(home_, kind(), [&](const calls& by) { EXPECT_TRUE(by.send(c, 3)); });
    ASSERT_TRUE(until_senders_wait(c));
    EXPECT_EQ(c.try_receive(), 3);
    sender.join();
}

// "Otherwise, the channel is buffered and communication succeeds without blocking if the buffer is
// not full (sends) or not empty (receives)."

TEST_P(GoChannel, BufferedSendsDoNotWaitUntilItIsFull) {
    const channel<int> c(3);
    EXPECT_EQ(c.capacity(), 3u);
    as(home_, kind(), [&](const calls& by) {
        for (int i = 0; i < 3; ++i) {
            EXPECT_TRUE(by.send(c, int{i}));
            EXPECT_EQ(c.size(), static_cast<std::size_t>(i) + 1);
        }
    });
    EXPECT_EQ(c.try_send(3).error(), std::errc::operation_would_block);
    party sender(home_, kind(), [&](const calls& by) { EXPECT_TRUE(by.send(c, 3)); });
    ASSERT_TRUE(until_senders_wait(c));
    as(home_, kind(), [&](const calls& by) { EXPECT_EQ(by.receive(c), 0); });
    sender.join();
    EXPECT_EQ(c.size(), 3u) << "the value of the sender that waited took the place";
}

TEST_P(GoChannel, BufferedReceivesDoNotWaitUntilItIsEmpty) {
    const channel<int> c(2);
    EXPECT_TRUE(c.try_send(1));
    EXPECT_TRUE(c.try_send(2));
    as(home_, kind(), [&](const calls& by) {
        EXPECT_EQ(by.receive(c), 1);
        EXPECT_EQ(by.receive(c), 2);
    });
    EXPECT_EQ(c.try_receive().error(), std::errc::operation_would_block);
}

// "Channels act as first-in-first-out queues. For example, if one goroutine sends values on a
// channel and a second goroutine receives them, the values are received in the order sent."

TEST_P(GoChannel, ValuesArriveInTheOrderInWhichTheyWereSent) {
    for (const std::size_t capacity : {0u, 1u, 3u, 64u}) {
        const channel<int> c(capacity);
        constexpr int count = 300;
        party sender(home_, kind(), [&](const calls& by) {
            for (int i = 0; i < count; ++i) {
                ASSERT_TRUE(by.send(c, int{i}));
            }
        });
        as(home_, kind(), [&](const calls& by) {
            for (int i = 0; i < count; ++i) {
                ASSERT_EQ(by.receive(c), i) << "capacity " << capacity;
            }
        });
    }
}

// What stands in front is served first; not in the specification, but what Go's channels do.

TEST_P(GoChannel, ReceiversAreServedInTheOrderOfTheirArrival) {
    const channel<int> c;
    std::vector<int> got(5, -1);
    std::vector<party> receivers;
    for (std::size_t i = 0; i < got.size(); ++i) {
        receivers.emplace_back(home_, kind(),
                               [&, i](const calls& by) { got[i] = by.receive(c).value_or(-2); });
        ASSERT_TRUE(until_receivers_wait(c, i + 1));
    }
    for (int i = 0; i < 5; ++i) {
        EXPECT_TRUE(c.try_send(i));
    }
    receivers.clear();
    EXPECT_EQ(got, (std::vector<int>{0, 1, 2, 3, 4}));
}

TEST_P(GoChannel, SendersAreServedInTheOrderOfTheirArrival) {
    for (const std::size_t capacity : {0u, 2u}) {
        const channel<int> c(capacity);
        std::vector<party> senders;
        for (std::size_t i = 0; i < capacity; ++i) {
            ASSERT_TRUE(c.try_send(static_cast<int>(i)));
        }
        for (std::size_t i = 0; i < 5; ++i) {
            senders.emplace_back(home_, kind(), [&, i](const calls& by) {
                EXPECT_TRUE(by.send(c, static_cast<int>(capacity + i)));
            });
            ASSERT_TRUE(until_senders_wait(c, i + 1));
        }
        for (int i = 0; i < static_cast<int>(capacity) + 5; ++i) {
            EXPECT_EQ(c.try_receive(), i);
        }
    }
}

// "A nil channel is never ready for communication."

TEST_P(GoChannel, NilBlocksSendersAndReceiversUntilTheirDeadline) {
    const channel<int> nil = nullptr;
    EXPECT_FALSE(nil);
    EXPECT_EQ(nil.size(), 0u);
    EXPECT_EQ(nil.capacity(), 0u);
    EXPECT_FALSE(nil.is_closed());
    EXPECT_EQ(nil.try_send(1).error(), std::errc::operation_would_block);
    EXPECT_EQ(nil.try_receive().error(), std::errc::operation_would_block);
    as(home_, kind(), [&](const calls& by) {
        const auto start = clock::now();
        EXPECT_EQ(by.send(nil, 1, 2ms).error(), std::errc::timed_out);
        EXPECT_EQ(by.receive(nil, 2ms).error(), std::errc::timed_out);
        EXPECT_GE(clock::now() - start, 4ms);
    });
}

TEST_P(GoChannel, NilBlocksForEver) {
    const channel<int> nil = nullptr;
    std::stop_source stop;
    std::atomic<int> ended = 0;
    {
        party receiver(home_, kind(), [&](const calls& by) {
            EXPECT_EQ(by.within({.stop = stop.get_token()}).receive(nil), std::nullopt);
            ++ended;
        });
        party sender(home_, kind(), [&](const calls& by) {
            const auto sent = by.within({.stop = stop.get_token()}).send(nil, 1);
            EXPECT_EQ(sent.error(), std::errc::operation_canceled);
            ++ended;
        });
        std::this_thread::sleep_for(2ms);
        EXPECT_EQ(ended, 0) << "only a stop ends it";
        stop.request_stop();
    }
    EXPECT_EQ(ended, 2);
}

// "A send on a closed channel proceeds by causing a run-time panic."

TEST_P(GoChannel, SendToAClosedOneIsReportedInsteadOfAPanic) {
    for (const std::size_t capacity : {0u, 1u}) {
        const channel<int> c(capacity);
        EXPECT_TRUE(c.close());
        as(home_, kind(),
           [&](const calls& by) { EXPECT_EQ(by.send(c, 1).error(), errc::channel_closed); });
        EXPECT_EQ(c.try_send(1).error(), errc::channel_closed);
        EXPECT_EQ(c.size(), 0u);
    }
}

// "Closing a closed channel also causes a run-time panic. Closing the nil channel [too]."

TEST_P(GoChannel, SecondCloseSaysSoInsteadOfAPanic) {
    const channel<int> c;
    EXPECT_FALSE(c.is_closed());
    EXPECT_TRUE(c.close());
    EXPECT_TRUE(c.is_closed());
    EXPECT_FALSE(c.close());
    EXPECT_TRUE(c.is_closed());
}

TEST(GoChannelDeathTest, ClosingNil) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_DEATH(
        {
            const channel<int> nil = nullptr;
            nil.close();
        },
        "close\\(\\) of channel\\(nullptr\\)");
}

// "A receive operation on a closed channel can always proceed immediately, yielding the element
// type's zero value after any previously sent values have been received."

TEST_P(GoChannel, ClosedYieldsWhatWasSentThenNothing) {
    const channel<int> c(3);
    EXPECT_TRUE(c.try_send(1));
    EXPECT_TRUE(c.try_send(2));
    c.close();
    as(home_, kind(), [&](const calls& by) {
        EXPECT_EQ(by.receive(c), 1);
        EXPECT_EQ(by.receive(c, testing::safety_net), 2);
        for (int i = 0; i < 3; ++i) {
            EXPECT_EQ(by.receive(c), std::nullopt);
            EXPECT_EQ(by.receive(c, testing::safety_net).error(), errc::channel_closed);
        }
    });
    EXPECT_EQ(c.try_receive().error(), errc::channel_closed);
}

// After close: "...all receivers that wait get the zero value". All of them, and at once.

TEST_P(GoChannel, CloseWakesAllReceivers) {
    const channel<int> c;
    std::atomic<int> woken = 0;
    std::vector<party> receivers;
    for (std::size_t i = 0; i < 6; ++i) {
        receivers.emplace_back(home_, kind(), [&, i](const calls& by) {
            if (i % 2 == 0) {
                EXPECT_EQ(by.receive(c), std::nullopt);
            } else {
                EXPECT_EQ(by.receive(c, testing::safety_net).error(), errc::channel_closed);
            }
            ++woken;
        });
    }
    ASSERT_TRUE(until_receivers_wait(c, 6));
    EXPECT_TRUE(c.close());
    receivers.clear();
    EXPECT_EQ(woken, 6);
}

// Senders that wait panic in Go; here they are told.

TEST_P(GoChannel, CloseWakesAllSendersAndTheirValuesStayWithThem) {
    for (const std::size_t capacity : {0u, 1u}) {
        const channel<std::unique_ptr<int>> c(capacity);
        if (capacity == 1) {
            ASSERT_TRUE(c.try_send(std::make_unique<int>(-1)));
        }
        std::vector<party> senders;
        for (std::size_t i = 0; i < 6; ++i) {
            senders.emplace_back(home_, kind(), [&, i](const calls& by) {
                auto value = std::make_unique<int>(static_cast<int>(i));
                const deadline until = i % 2 == 0 ? deadline() : deadline(testing::safety_net);
                const auto sent = by.send(c, std::move(value), until);
                EXPECT_EQ(sent.error(), errc::channel_closed);
                ASSERT_NE(value, nullptr);
                EXPECT_EQ(*value, static_cast<int>(i));
            });
        }
        ASSERT_TRUE(until_senders_wait(c, 6));
        EXPECT_TRUE(c.close());
        senders.clear();
        EXPECT_EQ(c.size(), capacity) << "what was buffered stays";
    }
}

// "For channels, the iteration values produced are the successive values sent on the channel until
// the channel is closed. If the channel is nil, the range expression blocks forever."

/// What `for (T each : c)` is to a coroutine.
template <class T, class Handler>
task<> for_each(const channel<T>& c, Handler handler) {
    for (;;) {
        auto next = co_await co::receive(c);
        if (!next) {
            co_return;
        }
        handler(*std::move(next));
    }
}

/// A loop over all of `c`, by one of that kind.
template <class T, class Handler>
void range_as(runtime& home, caller kind, const channel<T>& c, Handler handler) {
    if (kind == caller::coroutine) {
        home.spawn(for_each(c, handler)).join();
        return;
    }
    as(home, kind, [&](const calls&) {
        for (T each : c) {
            handler(std::move(each));
        }
    });
}

TEST_P(GoChannel, RangeEndsWhenItIsClosedAndEmpty) {
    const channel<int> c(2);
    party sender(home_, kind(), [&](const calls& by) {
        for (int i = 0; i < 100; ++i) {
            ASSERT_TRUE(by.send(c, int{i}));
        }
        c.close();
    });
    std::vector<int> got;
    range_as(home_, kind(), c, [&](int each) { got.push_back(each); });
    std::vector<int> expected(100);
    std::iota(expected.begin(), expected.end(), 0);
    EXPECT_EQ(got, expected);
    range_as(home_, kind(), c,
             [](int each) { ADD_FAILURE() << each << " from a channel that is closed and empty"; });
}

TEST_P(GoChannel, RangeOverNilBlocksUntilAStop) {
    const channel<int> nil = nullptr;
    std::stop_source stop;
    std::atomic<bool> ended = false;
    const auto never = [](int each) { ADD_FAILURE() << each << " from nil"; };
    party ranging(home_, kind(), [&](const calls&) {
        if (kind() == caller::coroutine) {
            home_.spawn(co::with_stop_token(stop.get_token(), for_each(nil, never))).join();
        } else {
            with_stop_token(stop.get_token(), [&] {
                for (const int each : nil) {
                    never(each);
                }
            });
        }
        ended = true;
    });
    EXPECT_TRUE(testing::until_all_others_sleep());
    EXPECT_FALSE(ended);
    stop.request_stop();
    ranging.join();
}

TEST_P(GoChannel, RangeByManyTakesEachValueOnce) {
    const channel<int> c(3);
    std::vector<std::atomic<int>> count(200);
    {
        std::vector<actor> all;
        for (int i = 0; i < 3; ++i) {
            all.emplace_back(home_, actor_kind::thread, [&] {
                range_as(home_, kind(), c,
                         [&](int each) { ++count[static_cast<std::size_t>(each)]; });
            });
        }
        as(home_, kind(), [&](const calls& by) {
            for (int i = 0; i < 200; ++i) {
                ASSERT_TRUE(by.send(c, int{i}));
            }
        });
        c.close();
    }
    EXPECT_TRUE(std::ranges::all_of(count, [](const auto& each) { return each == 1; }));
}

TEST_P(GoChannel, RangeMovesTheValuesOut) {
    const channel<std::unique_ptr<int>> c(3);
    for (int i = 0; i < 3; ++i) {
        ASSERT_TRUE(c.try_send(std::make_unique<int>(i)));
    }
    c.close();
    int sum = 0;
    range_as(home_, kind(), c, [&](std::unique_ptr<int> each) { sum += *each; });
    EXPECT_EQ(sum, 3);
}

// "A single channel may be used in send statements, receive operations, and calls to the built-in
// functions cap and len by any number of goroutines without further synchronization."

TEST_P(GoChannel, EachValueArrivesOnceAndInTheOrderOfItsSender) {
    constexpr int senders = 4;
    constexpr int receivers = 3;
    constexpr int each_sends = 150;
    for (const std::size_t capacity : {0u, 1u, 8u}) {
        const channel<std::pair<int, int>> c(capacity);
        std::vector<std::vector<std::pair<int, int>>> got(receivers);
        {
            std::vector<party> receiving;
            for (auto& mine : got) {
                receiving.emplace_back(home_, kind(), [&](const calls& by) {
                    while (const auto value = by.receive(c)) {
                        mine.push_back(*value);
                    }
                });
            }
            std::vector<party> sending;
            for (int s = 0; s < senders; ++s) {
                sending.emplace_back(home_, kind(), [&, s](const calls& by) {
                    for (int i = 0; i < each_sends; ++i) {
                        ASSERT_TRUE(by.send(c, std::pair(s, i)));
                    }
                });
            }
            sending.clear();
            c.close();
        }
        std::vector<int> count(senders * each_sends);
        for (const auto& mine : got) {
            std::vector<int> last(senders, -1);
            for (const auto& [s, i] : mine) {
                ++count[static_cast<std::size_t>(s * each_sends + i)];
                EXPECT_GT(i, last[static_cast<std::size_t>(s)]);
                last[static_cast<std::size_t>(s)] = i;
            }
        }
        EXPECT_EQ(std::ranges::count(count, 1), senders * each_sends) << "capacity " << capacity;
    }
}

// The memory model: "a send on a channel is synchronized before the completion of the corresponding
// receive", "a receive from an unbuffered channel is synchronized before the completion of the
// corresponding send", "the kth receive on a channel with capacity C is synchronized before the
// completion of the k+Cth send". Plain variables: ThreadSanitizer looks for what is not ordered.

TEST_P(GoChannel, OrdersWhatWasWrittenBefore) {
    const channel<int> forth;
    const channel<int> back(2);
    int written = 0;
    party other(home_, kind(), [&](const calls& by) {
        for (int i = 0; i < 50; ++i) {
            EXPECT_EQ(by.receive(forth), i);
            EXPECT_EQ(written, i);
            written = -i;
            ASSERT_TRUE(by.send(back, int{i}));
        }
    });
    as(home_, kind(), [&](const calls& by) {
        for (int i = 0; i < 50; ++i) {
            written = i;
            ASSERT_TRUE(by.send(forth, int{i}));
            EXPECT_EQ(by.receive(back), i);
            EXPECT_EQ(written, -i);
        }
    });
}

// "A buffered channel can be used like a semaphore."

TEST_P(GoChannel, CountsHoldersAsASemaphore) {
    const channel<char> tokens(2);
    std::atomic<int> holders = 0;
    std::vector<party> all;
    for (int i = 0; i < 5; ++i) {
        all.emplace_back(home_, kind(), [&](const calls& by) {
            for (int round = 0; round < 40; ++round) {
                ASSERT_TRUE(by.send(tokens, 'x'));
                EXPECT_LE(++holders, 2);
                --holders;
                EXPECT_TRUE(by.receive(tokens));
            }
        });
    }
}

// Channels may be sent through channels.

TEST_P(GoChannel, OfChannels) {
    using answers = channel<int>;
    const channel<answers> requests;
    party server(home_, kind(), [&](const calls& by) {
        while (const auto answer = by.receive(requests)) {
            EXPECT_TRUE(by.send(*answer, 42));
        }
    });
    as(home_, kind(), [&](const calls& by) {
        for (int i = 0; i < 10; ++i) {
            const answers mine;
            EXPECT_TRUE(by.send(requests, answers(mine)));
            EXPECT_EQ(by.receive(mine), 42);
        }
    });
    requests.close();
}

// Channels are compared by identity.

TEST(GoChannelValue, ComparesByIdentity) {
    const channel<int> a;
    const channel<int> b;
    const channel<int> same = a;  // NOLINT(performance-unnecessary-copy-initialization)
    const channel<int> nil = nullptr;
    EXPECT_EQ(a, same);
    EXPECT_NE(a, b);
    EXPECT_NE(a, nil);
    EXPECT_EQ(nil, channel<int>(nullptr));
    EXPECT_NE(nil, channel<int>(0)) << "of capacity 0";
}

}  // namespace
}  // namespace weft
