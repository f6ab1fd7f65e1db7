// SPDX-License-Identifier: Apache-2.0
//
// weft::select beyond what Go says of it (tests/conformance): time, stops, sockets, handlers, cases
// made at run time, all callers against each other.
#include <weft/select.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <vector>

#include "channel_calls.h"
#include "sockets.h"

namespace weft {
namespace {

using namespace std::chrono_literals;
using testing::as;
using testing::caller;
using testing::calls;
using testing::party;
using testing::two_workers;
using testing::until_receivers_wait;
using testing::until_senders_wait;

const auto ignore = [](std::optional<int> /*unused*/) {};

class SelectByCaller : public ::testing::TestWithParam<caller> {
protected:
    [[nodiscard]] static caller kind() { return GetParam(); }

    runtime home_;  // as many workers as CPUs, or what WEFT_WORKERS says
};
INSTANTIATE_TEST_SUITE_P(Callers, SelectByCaller, ::testing::ValuesIn(testing::all_callers),
                         ::testing::PrintToStringParamName());

// Time.

TEST_P(SelectByCaller, TheEarliestDeadlineIsTakenNeverEarly) {
    const channel<int> c;
    as(home_, kind(), [&](const calls& by) {
        const auto start = clock::now();
        EXPECT_EQ(by.select(on_deadline(testing::safety_net), on_deadline(3ms),
                            on_receive(c, ignore), on_deadline(testing::safety_net)),
                  1u);
        EXPECT_GE(clock::now() - start, 3ms);
    });
    EXPECT_EQ(testing::receivers_waiting(c), 0u);
}

TEST_P(SelectByCaller, ADeadlineThatHasPassedIsTakenOnlyIfNothingIsReady) {
    const channel<int> c(1);
    as(home_, kind(), [&](const calls& by) {
        bool passed = false;
        EXPECT_EQ(by.select(on_receive(c, ignore), on_deadline(-1h, [&] { passed = true; })), 1u);
        EXPECT_TRUE(passed);
        for (int i = 0; i < 20; ++i) {
            ASSERT_EQ(by.select(on_deadline(clock::time_point::min()), on_send(c, 1)), 1u);
            ASSERT_EQ(by.select(on_receive(c, ignore), on_deadline(0s)), 0u);
        }
    });
}

TEST_P(SelectByCaller, TheDeadlineOfAScopeIsAnError) {
    const channel<int> c;
    as(home_, kind(), [&](const calls& by) {
        const calls mine = by.within({.until = 2ms});
        EXPECT_EQ(mine.select(on_receive(c, ignore), on_deadline(testing::safety_net)).error(),
                  std::errc::timed_out);
        EXPECT_EQ(mine.select(on_receive(c, ignore)).error(), std::errc::timed_out);
        EXPECT_EQ(by.within({.until = testing::safety_net})
                      .select(on_receive(c, ignore), on_deadline(1ms)),
                  1u);
    });
}

// Stops.

TEST_P(SelectByCaller, AStopWhileItWaits) {
    const channel<int> c;
    std::stop_source stop;
    std::atomic<bool> stopped = false;
    party selecting(home_, kind(), [&](const calls& by) {
        EXPECT_EQ(
            by.select(on_receive(c, ignore), on_stop(stop.get_token(), [&] { stopped = true; })),
            1u);
    });
    ASSERT_TRUE(until_receivers_wait(c));
    stop.request_stop();
    selecting.join();
    EXPECT_TRUE(stopped);
    EXPECT_EQ(testing::receivers_waiting(c), 0u);
}

TEST_P(SelectByCaller, AStopThatCameBeforeIsReady) {
    const channel<int> c;
    std::stop_source stop;
    stop.request_stop();
    as(home_, kind(), [&](const calls& by) {
        EXPECT_EQ(by.select(on_receive(c, ignore), on_stop(stop.get_token())), 1u);
        EXPECT_EQ(by.select(on_stop({}), on_stop(stop.get_token()), otherwise()), 1u);
        EXPECT_EQ(by.select(on_stop({}), otherwise()), 1u) << "a token without state never stops";
    });
}

TEST_P(SelectByCaller, TheStopOfAScopeIsAnError) {
    const channel<int> c(1);
    std::stop_source stop;
    party selecting(home_, kind(), [&](const calls& by) {
        const calls mine = by.within({.stop = stop.get_token()});
        EXPECT_EQ(mine.select(on_receive(c, ignore), on_deadline(testing::safety_net)).error(),
                  std::errc::operation_canceled);
        EXPECT_EQ(mine.select(on_receive(c, ignore)).error(), std::errc::operation_canceled);
        EXPECT_EQ(mine.select(on_receive(c, ignore), on_send(c, 1)), 1u) << "need not wait";
    });
    ASSERT_TRUE(until_receivers_wait(c));
    stop.request_stop();
}

// Handlers.

TEST_P(SelectByCaller, HandlersMayUseTheChannels) {
    const channel<int> a(1);
    const channel<int> b(1);
    as(home_, kind(), [&](const calls& by) {
        ASSERT_TRUE(a.try_send(1));
        int sum = 0;
        EXPECT_EQ(by.select(on_receive(a,
                                       [&](std::optional<int> v) {
                                           EXPECT_TRUE(a.try_send(*v + 1));
                                           EXPECT_TRUE(b.try_send(*v + 2));
                                           EXPECT_EQ(
                                               select(on_receive(a, [&](auto x) { sum += *x; }),
                                                      otherwise()),
                                               0u);
                                           a.close();
                                       }),
                            on_receive(b, ignore)),
                  0u);
        EXPECT_EQ(sum, 2);
        EXPECT_EQ(b.try_receive(), 3);
    });
}

TEST_P(SelectByCaller, WhatAHandlerThrowsLeavesIt) {
    const channel<int> c(1);
    as(home_, kind(), [&](const calls& by) {
        ASSERT_TRUE(c.try_send(1));
        EXPECT_THROW(static_cast<void>(by.select(on_receive(
                         c, [](std::optional<int>) { throw std::runtime_error("no"); }))),
                     std::runtime_error);
        EXPECT_EQ(c.size(), 0u);
        EXPECT_TRUE(by.send(c, 2));
    });
}

// Cases that live longer than one select, as many as there are at run time.

task<> take_with_one_case(const channel<int>& from, int& sum) {
    auto take = on_receive(from, [&](std::optional<int> v) { sum += v.value_or(0); });
    auto nothing = otherwise();
    for (std::size_t taken = 0; taken == 0;) {
        taken = *co_await co::select(take, nothing);
    }
}

TEST(Select, CasesThatAreVariablesServeOneSelectAfterAnother) {
    const channel<int> c(3);
    int sum = 0;
    run([&] {
        auto take = on_receive(c, [&](std::optional<int> v) { sum += v.value_or(0); });
        for (const int value : {1, 2, 3}) {
            EXPECT_TRUE(c.send(value));
            EXPECT_EQ(select(take, otherwise()), 0u);
        }
        EXPECT_EQ(sum, 6);
        EXPECT_EQ(select(take, otherwise()), 1u);
        for (const int value : {10, 20, 30}) {
            EXPECT_TRUE(c.send(value));
        }
        sync_wait(take_with_one_case(c, sum));
    });
    EXPECT_EQ(sum, 66);
}

TEST_P(SelectByCaller, CasesMadeAtRunTime) {
    constexpr std::size_t count = 40;
    std::vector<channel<int>> channels;
    for (std::size_t i = 0; i < count; ++i) {
        channels.emplace_back(i % 3);
    }
    std::vector<int> got;
    const auto keep = [&](std::optional<int> v) { got.push_back(v.value_or(-1)); };
    party receiver(home_, caller::thread, [&](const calls&) {
        std::vector<std::unique_ptr<select_case>> cases;
        std::vector<select_case*> all;
        for (const auto& each : channels) {
            cases.emplace_back(new auto(on_receive(each, keep)));
            all.push_back(cases.back().get());
        }
        for (std::size_t i = 0; i < 2 * count; ++i) {
            ASSERT_TRUE(select(all));
        }
    });
    as(home_, kind(), [&](const calls& by) {
        for (std::size_t i = 0; i < 2 * count; ++i) {
            ASSERT_TRUE(by.send(channels[i % count], static_cast<int>(i)));
        }
    });
    receiver.join();
    std::ranges::sort(got);
    for (std::size_t i = 0; i < 2 * count; ++i) {
        EXPECT_EQ(got[i], static_cast<int>(i));
    }
}

TEST_P(SelectByCaller, ACaseServesOneSelectAfterAnother) {
    const channel<int> a(1);
    const channel<int> b;
    std::stop_source stop;
    as(home_, kind(), [&](const calls& by) {
        int sum = 0;
        auto from_a = on_receive(a, [&](std::optional<int> v) { sum += *v; });
        auto from_b = on_receive(b, ignore);
        auto stopped = on_stop(stop.get_token());
        auto late = on_deadline(1ms);
        for (int i = 0; i < 5; ++i) {
            EXPECT_EQ(by.select(from_a, from_b, stopped, late), 3u);
            ASSERT_TRUE(a.try_send(i));
            EXPECT_EQ(by.select(from_a, from_b, stopped, late), 0u);
        }
        EXPECT_EQ(sum, 10);
        stop.request_stop();
        EXPECT_EQ(by.select(from_a, from_b, stopped, late), 2u);
    });
}

TEST_P(SelectByCaller, SmallValuesAreCopiedIntoTheCase) {
    const channel<int> c(1);
    as(home_, kind(), [&](const calls& by) {
        auto send = on_send(c, 40 + 2);  // the number is gone by the select
        EXPECT_EQ(by.select(send), 0u);
        EXPECT_EQ(c.try_receive(), 42);
    });
    const channel<std::string> texts(1);
    const std::string text = "an lvalue is copied, whatever its size, into the case";
    as(home_, kind(), [&](const calls& by) {
        auto send = on_send(texts, text);
        EXPECT_EQ(by.select(send), 0u);
        EXPECT_EQ(texts.try_receive(), text);
    });
}

// Everything at about the same time: exactly one wins, and what was sent is not lost.

void select_some(const std::array<channel<int>, 2>& c, std::atomic<long>& balance, const calls& by,
                 int who) {
    for (int i = 0; i < 80; ++i) {
        const int value = who * 1000 + i;
        const auto got = [&](std::optional<int> v) { balance -= v.value(); };
        const auto sent = [&] { balance += value; };
        const auto pause = std::chrono::microseconds((who * 37 + i * 11) % 97);
        const auto taken =
            by.select(on_receive(c[0], got), on_send(c[1], value, sent), on_receive(c[1], got),
                      on_send(c[0], value, sent), on_deadline(pause));
        EXPECT_TRUE(taken);
    }
}

TEST(Select, ValuesAreConservedBetweenAllCallers) {
    for (const unsigned workers : {1u, 2u, 4u}) {
        for (const std::size_t capacity : {0u, 2u}) {
            runtime home({.workers = workers});
            const std::array<channel<int>, 2> c{channel<int>(capacity), channel<int>(capacity)};
            std::atomic<long> balance = 0;
            {
                std::vector<party> all;
                for (int i = 0; i < 6; ++i) {
                    const caller kind = testing::all_callers[static_cast<std::size_t>(i % 3)];
                    all.emplace_back(home, kind,
                                     [&, i](const calls& by) { select_some(c, balance, by, i); });
                }
            }
            for (const auto& each : c) {
                while (const auto left = each.try_receive()) {
                    balance -= *left;
                }
            }
            EXPECT_EQ(balance, 0);
        }
    }
}

TEST_P(SelectByCaller, StopAndValueAtOnce) {
    for (int i = 0; i < 100; ++i) {
        const channel<int> c;
        std::stop_source stop;
        std::atomic<bool> got = false;
        std::atomic<bool> stopped = false;
        party selecting(home_, kind(), [&](const calls& by) {
            EXPECT_TRUE(by.select(on_receive(c, [&](std::optional<int>) { got = true; }),
                                  on_stop(stop.get_token(), [&] { stopped = true; })));
        });
        party stopping(home_, caller::thread, [&](const calls&) { stop.request_stop(); });
        const bool sent = c.send(i, 1ms).has_value();
        selecting.join();
        ASSERT_NE(got, stopped);
        ASSERT_EQ(sent, got);
    }
}

TEST_P(SelectByCaller, TheChannelMayEndRightAfterIt) {
    for (int i = 0; i < 200; ++i) {
        channel<int> a;
        channel<int> b;
        party selecting(home_, kind(), [a, b](const calls& by) mutable {
            EXPECT_TRUE(by.select(on_receive(a, ignore), on_receive(b, ignore)));
            a = nullptr;
            b = nullptr;
        });
        const channel<int> to = i % 2 == 0 ? a : b;
        a = nullptr;
        b = nullptr;
        EXPECT_TRUE(to.send(i));
    }
}

// Sockets.

class SelectOnSockets : public ::testing::TestWithParam<std::tuple<caller, testing::transport>> {
protected:
    [[nodiscard]] static caller kind() { return std::get<0>(GetParam()); }
    [[nodiscard]] static testing::transport how() { return std::get<1>(GetParam()); }

    runtime home_;  // as many workers as CPUs, or what WEFT_WORKERS says
};
INSTANTIATE_TEST_SUITE_P(Callers, SelectOnSockets,
                         ::testing::Combine(::testing::ValuesIn(testing::all_callers),
                                            ::testing::Values(testing::transport::tcp,
                                                              testing::transport::unix_stream)),
                         [](const auto& one) {
                             return ::testing::PrintToString(std::get<0>(one.param)) + "_" +
                                    testing::name_of(std::get<1>(one.param));
                         });

TEST_P(SelectOnSockets, ReadableWhenSomethingHasCome) {
    auto [near, far] = testing::connect_pair(how());
    const channel<int> c;
    as(home_, kind(), [&](const calls& by) {
        EXPECT_EQ(by.select(on_readable(near), otherwise()), 1u);
        EXPECT_EQ(by.select(on_readable(near), on_receive(c, ignore), on_deadline(2ms)), 2u);
        EXPECT_FALSE(testing::write_text(far, "some"));
        EXPECT_EQ(
            by.select(on_receive(c, ignore), on_readable(near), on_deadline(testing::safety_net)),
            1u);
        EXPECT_EQ(by.select(on_readable(near), on_deadline(testing::safety_net)), 0u) << "still";
        EXPECT_EQ(testing::read_text(near, 2), "so");
        EXPECT_EQ(by.select(on_readable(near), on_deadline(testing::safety_net)), 0u);
        EXPECT_EQ(testing::read_text(near), "me");
        EXPECT_EQ(by.select(on_readable(near), on_deadline(1ms)), 1u) << "all was read";
    });
}

TEST_P(SelectOnSockets, WaitsUntilSomethingComes) {
    auto [near, far] = testing::connect_pair(how());
    const channel<int> c;
    for (int round = 0; round < 20; ++round) {
        std::string got;
        party selecting(home_, kind(), [&](const calls& by) {
            EXPECT_EQ(by.select(on_receive(c, ignore), on_readable(near)), 1u);
        });
        ASSERT_TRUE(until_receivers_wait(c));
        EXPECT_FALSE(testing::write_text(far, "text"));
        selecting.join();
        EXPECT_EQ(testing::receivers_waiting(c), 0u);
        EXPECT_EQ(testing::read_text(near), "text");
    }
}

TEST_P(SelectOnSockets, AChannelEndsTheWaitForASocket) {
    auto [near, far] = testing::connect_pair(how());
    const channel<int> c;
    for (int round = 0; round < 20; ++round) {
        party selecting(home_, kind(), [&](const calls& by) {
            EXPECT_EQ(by.select(on_readable(near), on_receive(c, ignore)), 1u);
        });
        ASSERT_TRUE(until_receivers_wait(c));
        EXPECT_TRUE(c.send(round));
        selecting.join();
    }
    // It does not count as a reader any more, and the socket works as before.
    EXPECT_FALSE(testing::write_text(far, "text"));
    as(home_, kind() == caller::coroutine ? caller::fiber : kind(),
       [&](const calls&) { EXPECT_EQ(testing::read_text(near), "text"); });
}

TEST_P(SelectOnSockets, AStopAndADeadlineEndTheWaitForASocket) {
    auto [near, far] = testing::connect_pair(how());
    const channel<int> c;
    std::stop_source stop;
    party selecting(home_, kind(), [&](const calls& by) {
        EXPECT_EQ(by.select(on_readable(near), on_deadline(1ms)), 1u);
        EXPECT_EQ(by.within({.until = 1ms}).select(on_readable(near)).error(),
                  std::errc::timed_out);
        const calls mine = by.within({.stop = stop.get_token()});
        EXPECT_EQ(mine.select(on_readable(near), on_receive(c, ignore)).error(),
                  std::errc::operation_canceled);
        EXPECT_EQ(by.select(on_readable(near), on_stop(stop.get_token())), 1u);
    });
    ASSERT_TRUE(until_receivers_wait(c));
    stop.request_stop();
    selecting.join();
    EXPECT_FALSE(testing::write_text(far, "text"));
    EXPECT_EQ(testing::read_text(near), "text");
}

TEST_P(SelectOnSockets, TheEndOfTheStreamIsReadable) {
    auto [near, far] = testing::connect_pair(how());
    const channel<int> c;
    party selecting(home_, kind(), [&](const calls& by) {
        EXPECT_EQ(by.select(on_readable(near), on_receive(c, ignore)), 0u);
    });
    ASSERT_TRUE(until_receivers_wait(c));
    far.close();
    selecting.join();
    EXPECT_EQ(testing::read_text(near), "");
}

TEST_P(SelectOnSockets, AClosedSocketIsReadyBecauseACallFailsAtOnce) {
    auto [near, far] = testing::connect_pair(how());
    const channel<int> c;
    {
        party selecting(home_, kind(), [&](const calls& by) {
            EXPECT_EQ(by.select(on_readable(near), on_receive(c, ignore)), 0u);
        });
        ASSERT_TRUE(until_receivers_wait(c));
        near.close();
    }
    as(home_, kind(), [&](const calls& by) {
        EXPECT_EQ(by.select(on_readable(near), otherwise()), 0u);
        EXPECT_EQ(by.select(on_writable(near), otherwise()), 0u);
        const socket none;
        EXPECT_EQ(by.select(on_receive(c, ignore), on_readable(none)), 1u);
    });
}

TEST_P(SelectOnSockets, WritableWhenThereIsRoom) {
    auto [near, far] = testing::connect_pair(how());
    testing::shrink_buffers(near);
    const channel<int> c;
    // The kernel moves bytes on by itself for a while.
    const std::string much = testing::pattern(1 << 20);
    ASSERT_TRUE(testing::eventually([&] {
        static_cast<void>(testing::write_text(near, much, 1ms));
        return select(on_writable(near), otherwise()) == 1u;
    }));
    std::atomic<bool> writable = false;
    party selecting(home_, kind(), [&](const calls& by) {
        EXPECT_EQ(by.select(on_receive(c, ignore), on_writable(near), on_readable(near)), 1u);
        writable = true;
    });
    while (!writable) {
        static_cast<void>(testing::read_text(far, 1 << 16, 1ms));
    }
    selecting.join();
    as(home_, kind(),
       [&](const calls& by) { EXPECT_EQ(by.select(on_writable(near), otherwise()), 0u); });
}

TEST_P(SelectOnSockets, AListenerIsReadableWhenAConnectionWaits) {
    listener incoming = testing::listen_on(how());
    const endpoint at = incoming.local_endpoint().value();
    const channel<int> c;
    for (int round = 0; round < 5; ++round) {
        std::atomic<bool> accepted = false;
        party selecting(home_, kind(), [&](const calls& by) {
            EXPECT_EQ(by.select(on_receive(c, ignore), on_readable(incoming)), 1u);
            accepted = true;
        });
        ASSERT_TRUE(until_receivers_wait(c));
        socket peer = connect(at, testing::safety_net).value();
        selecting.join();
        EXPECT_TRUE(incoming.accept(testing::safety_net));
        as(home_, kind(),
           [&](const calls& by) { EXPECT_EQ(by.select(on_readable(incoming), otherwise()), 1u); });
    }
}

// A connection that comes when the select is over already is for another acceptor; one for which
// the select was woken, for whoever is quicker.

TEST_P(SelectOnSockets, AConnectionIsNotLostToASelectThatTookAnotherCase) {
    for (int round = 0; round < 30; ++round) {
        listener incoming = testing::listen_on(how());
        const endpoint at = incoming.local_endpoint().value();
        const channel<int> c;
        std::atomic<int> accepted = 0;
        party selecting(home_, kind(), [&](const calls& by) {
            const auto taken = by.select(on_readable(incoming), on_receive(c, ignore));
            ASSERT_TRUE(taken);
            if (*taken == 0 && incoming.accept(1ms)) {
                ++accepted;
            }
        });
        ASSERT_TRUE(until_receivers_wait(c));
        fiber acceptor = home_.spawn([&] {
            if (incoming.accept(testing::safety_net)) {
                ++accepted;
            }
        });
        party sending(home_, caller::thread,
                      [&](const calls&) { static_cast<void>(c.send(1, 2ms)); });
        const socket peer = connect(at, testing::safety_net).value();
        sending.join();
        selecting.join();
        EXPECT_TRUE(testing::eventually([&] { return accepted == 1; })) << "it was lost";
        incoming.close();
        acceptor.join();
    }
}

TEST_P(SelectOnSockets, ManySelectsOnSocketsAndChannels) {
    constexpr int rounds = 60;
    auto [near, far] = testing::connect_pair(how());
    const channel<int> c;
    std::atomic<int> values = 0;
    std::atomic<int> texts = 0;
    party selecting(home_, kind(), [&](const calls& by) {
        while (values + texts < 2 * rounds) {
            const auto taken =
                by.select(on_receive(c, [&](std::optional<int>) { ++values; }), on_readable(near));
            ASSERT_TRUE(taken);
            if (*taken == 1) {
                texts += static_cast<int>(testing::read_text(near).size());
            }
        }
    });
    party writer(home_, caller::fiber, [&](const calls&) {
        for (int i = 0; i < rounds; ++i) {
            EXPECT_FALSE(testing::write_text(far, "x"));
        }
    });
    for (int i = 0; i < rounds; ++i) {
        EXPECT_TRUE(c.send(i));
    }
    selecting.join();
    EXPECT_EQ(values, rounds);
    EXPECT_EQ(texts, rounds);
}

TEST(SelectDeathTest, TwoReadersOfASocket) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_DEATH(run(two_workers,
                     [] {
                         auto [near, far] = testing::connect_pair(testing::transport::tcp);
                         static_cast<void>(select(on_readable(near), on_readable(near)));
                     }),
                 "two fibers read the same socket");
}

}  // namespace
}  // namespace weft
