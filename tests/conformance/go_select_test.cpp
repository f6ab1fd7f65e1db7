// SPDX-License-Identifier: Apache-2.0
//
// What the Go specification says of select statements, case by case, for fibers, plain threads and
// coroutines: https://go.dev/ref/spec#Select_statements. Where weft differs on purpose the name of
// the case says so.
#include <weft/select.h>

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <memory>
#include <optional>
#include <vector>

#include "integration/channel_calls.h"

namespace weft {
namespace {

using namespace std::chrono_literals;
using testing::as;
using testing::caller;
using testing::calls;
using testing::party;
using testing::until_receivers_wait;
using testing::until_senders_wait;

const auto ignore = [](std::optional<int> /*unused*/) {};

class GoSelect : public ::testing::TestWithParam<caller> {
protected:
    [[nodiscard]] static caller kind() { return GetParam(); }

    runtime home_;  // as many workers as CPUs, or what WEFT_WORKERS says
};
INSTANTIATE_TEST_SUITE_P(Callers, GoSelect, ::testing::ValuesIn(testing::all_callers),
                         ::testing::PrintToStringParamName());

// "If one or more of the communications can proceed, a single one that can proceed is chosen via a
// uniform pseudo-random selection."

TEST_P(GoSelect, TakesTheOneThatIsReady) {
    const channel<int> empty(1);
    const channel<int> ready(1);
    ASSERT_TRUE(ready.try_send(5));
    as(home_, kind(), [&](const calls& by) {
        int got = 0;
        EXPECT_EQ(by.select(on_receive(empty, ignore),
                            on_receive(ready, [&](std::optional<int> v) { got = v.value(); })),
                  1u);
        EXPECT_EQ(got, 5);
    });
    EXPECT_EQ(ready.size(), 0u);
}

TEST_P(GoSelect, TakesExactlyOneOfThoseThatAreReady) {
    const channel<int> a(1);
    const channel<int> b(1);
    const channel<int> to(1);
    ASSERT_TRUE(a.try_send(1));
    ASSERT_TRUE(b.try_send(2));
    as(home_, kind(), [&](const calls& by) {
        int handlers = 0;
        const auto count = [&](const auto&...) { ++handlers; };
        EXPECT_TRUE(by.select(on_receive(a, count), on_receive(b, count), on_send(to, 3, count)));
        EXPECT_EQ(handlers, 1);
    });
    const std::size_t done = (1 - a.size()) + (1 - b.size()) + to.size();
    EXPECT_EQ(done, 1u);
}

/// Chi-square of what should be equal; 4 degrees of freedom: above 40 once in 10 million runs.
double chi_square(const std::array<int, 5>& counts, int rounds) {
    const double expected = rounds / 5.0;
    double sum = 0;
    for (const int each : counts) {
        sum += (each - expected) * (each - expected) / expected;
    }
    return sum;
}

TEST_P(GoSelect, ChoosesUniformlyAmongThoseThatAreReady) {
    constexpr int rounds = 2000;
    const std::array<channel<int>, 4> all{channel<int>(1), channel<int>(1), channel<int>(1),
                                          channel<int>(1)};
    const channel<int> never;
    const channel<int> to(1);
    as(home_, kind(), [&](const calls& by) {
        std::array<int, 5> counts{};
        for (int i = 0; i < rounds; ++i) {
            for (const auto& each : all) {
                static_cast<void>(each.try_send(i));
            }
            static_cast<void>(to.try_receive());
            const auto taken =
                by.select(on_receive(never, ignore), on_receive(all[0], ignore),
                          on_receive(all[1], ignore), on_receive(never, ignore),
                          on_receive(all[2], ignore), on_receive(all[3], ignore), on_send(to, 1));
            constexpr std::array<std::size_t, 7> place{9, 0, 1, 9, 2, 3, 4};
            ASSERT_TRUE(taken);
            ASSERT_LT(place[*taken], 5u) << "one that is not ready";
            ++counts[place[*taken]];
        }
        EXPECT_LT(chi_square(counts, rounds), 40) << ::testing::PrintToString(counts);
    });
}

// The same channel in several cases: each case counts.

TEST_P(GoSelect, ChoosesUniformlyAmongCasesOfOneChannel) {
    constexpr int rounds = 2000;
    const channel<int> closed;
    closed.close();
    as(home_, kind(), [&](const calls& by) {
        std::array<int, 5> counts{};
        for (int i = 0; i < rounds; ++i) {
            const auto taken = by.select(on_receive(closed, ignore), on_receive(closed, ignore),
                                         on_receive(closed, ignore), on_receive(closed, ignore),
                                         on_receive(closed, ignore));
            ASSERT_TRUE(taken);
            ++counts[*taken];
        }
        EXPECT_LT(chi_square(counts, rounds), 40) << ::testing::PrintToString(counts);
    });
}

// "Otherwise, if there is a default case, that case is chosen."

TEST_P(GoSelect, DefaultIsChosenWhenNothingIsReady) {
    const channel<int> empty;
    const channel<int> full(1);
    ASSERT_TRUE(full.try_send(1));
    as(home_, kind(), [&](const calls& by) {
        bool chosen = false;
        EXPECT_EQ(by.select(on_receive(empty, ignore), on_send(full, 2), on_send(empty, 3),
                            otherwise([&] { chosen = true; })),
                  3u);
        EXPECT_TRUE(chosen);
    });
    EXPECT_EQ(full.size(), 1u);
}

TEST_P(GoSelect, DefaultIsNotChosenWhenSomethingIsReady) {
    const channel<int> c(1);
    as(home_, kind(), [&](const calls& by) {
        for (int i = 0; i < 50; ++i) {
            ASSERT_EQ(by.select(otherwise(), on_send(c, int{i})), 1u);
            ASSERT_EQ(by.select(otherwise(), on_receive(c, ignore)), 1u);
        }
    });
}

TEST_P(GoSelect, DefaultDoesNotSeeReadinessOfNil) {
    const channel<int> nil = nullptr;
    as(home_, kind(), [&](const calls& by) {
        EXPECT_EQ(by.select(on_receive(nil, ignore), on_send(nil, 1), otherwise()), 2u);
    });
}

// "If there is no default case, the select statement blocks until at least one of the
// communications can proceed."

TEST_P(GoSelect, WaitsUntilSomebodySends) {
    const channel<int> a;
    const channel<int> b;
    std::atomic<int> got = 0;
    party selecting(home_, kind(), [&](const calls& by) {
        EXPECT_EQ(by.select(on_receive(a, ignore),
                            on_receive(b, [&](std::optional<int> v) { got = v.value(); })),
                  1u);
    });
    ASSERT_TRUE(until_receivers_wait(a));
    ASSERT_TRUE(until_receivers_wait(b));
    as(home_, kind(), [&](const calls& by) { EXPECT_TRUE(by.send(b, 6)); });
    selecting.join();
    EXPECT_EQ(got, 6);
    EXPECT_EQ(testing::receivers_waiting(a), 0u) << "it has left the other queues";
    EXPECT_EQ(a.try_send(1).error(), std::errc::operation_would_block);
}

TEST_P(GoSelect, WaitsUntilSomebodyReceives) {
    const channel<int> a;
    const channel<int> b;
    std::atomic<bool> sent = false;
    party selecting(home_, kind(), [&](const calls& by) {
        EXPECT_EQ(by.select(on_send(a, 1), on_send(b, 2, [&] { sent = true; })), 1u);
    });
    ASSERT_TRUE(until_senders_wait(a));
    as(home_, kind(), [&](const calls& by) { EXPECT_EQ(by.receive(b), 2); });
    selecting.join();
    EXPECT_TRUE(sent);
    EXPECT_EQ(a.try_receive().error(), std::errc::operation_would_block);
}

TEST_P(GoSelect, WaitsUntilABufferHasRoomOrAValue) {
    const channel<int> full(1);
    const channel<int> empty(1);
    ASSERT_TRUE(full.try_send(0));
    for (const bool make_room : {true, false}) {
        party selecting(home_, kind(), [&](const calls& by) {
            EXPECT_EQ(by.select(on_send(full, 1), on_receive(empty, ignore)), make_room ? 0u : 1u);
        });
        ASSERT_TRUE(until_senders_wait(full));
        if (make_room) {
            EXPECT_EQ(full.try_receive(), 0);
            selecting.join();
            EXPECT_EQ(full.size(), 1u);
        } else {
            EXPECT_TRUE(empty.try_send(2));
            selecting.join();
            EXPECT_EQ(empty.size(), 0u) << "the value went to who waited, past the buffer";
        }
    }
}

TEST_P(GoSelect, CloseWakesItsReceiveCase) {
    const channel<int> a;
    const channel<int> b;
    std::atomic<bool> closed = false;
    party selecting(home_, kind(), [&](const calls& by) {
        EXPECT_EQ(by.select(on_receive(a, [&](std::optional<int> v) { closed = !v; }),
                            on_receive(b, ignore)),
                  0u);
    });
    ASSERT_TRUE(until_receivers_wait(b));
    a.close();
    selecting.join();
    EXPECT_TRUE(closed);
}

TEST_P(GoSelect, CloseWakesAllThatSelectOnIt) {
    const channel<int> c;
    const channel<int> other;
    std::atomic<int> woken = 0;
    std::vector<party> all;
    for (std::size_t i = 0; i < 5; ++i) {
        all.emplace_back(home_, kind(), [&](const calls& by) {
            const auto closed = [&](std::optional<int> v) { woken += v ? 0 : 1; };
            EXPECT_EQ(by.select(on_receive(other, ignore), on_receive(c, closed)), 1u);
        });
        ASSERT_TRUE(until_receivers_wait(c, i + 1));
    }
    EXPECT_TRUE(c.close());
    all.clear();
    EXPECT_EQ(woken, 5);
    EXPECT_EQ(testing::receivers_waiting(other), 0u);
}

// A select that waits with one channel in several cases stands in its queue with each.

TEST_P(GoSelect, WaitsWithOneChannelInSeveralCases) {
    const channel<int> c;
    for (const bool receives : {true, false}) {
        std::atomic<int> handlers = 0;
        party selecting(home_, kind(), [&](const calls& by) {
            const auto got = [&](std::optional<int> v) { handlers += v == 4 ? 1 : 100; };
            const auto sent = [&] { ++handlers; };
            if (receives) {
                EXPECT_TRUE(by.select(on_receive(c, got), on_receive(c, got)));
            } else {
                EXPECT_TRUE(by.select(on_send(c, 5, sent), on_send(c, 6, sent)));
            }
        });
        if (receives) {
            ASSERT_TRUE(until_receivers_wait(c, 2));
            EXPECT_TRUE(c.try_send(4));
        } else {
            ASSERT_TRUE(until_senders_wait(c, 2));
            const result<int> got = c.try_receive();
            EXPECT_TRUE(got == 5 || got == 6);
        }
        selecting.join();
        EXPECT_EQ(handlers, 1) << "one case";
        EXPECT_EQ(testing::receivers_waiting(c), 0u);
        EXPECT_EQ(testing::senders_waiting(c), 0u);
        EXPECT_EQ(c.try_receive().error(), std::errc::operation_would_block);
    }
}

// A case is switched off in a loop by a channel variable that becomes nil.

TEST_P(GoSelect, ACaseThatBecomesNilIsLeftOut) {
    constexpr int each_sends = 100;
    const channel<int> a;
    const channel<int> b(2);
    const auto send_all = [&](const channel<int>& to, int first) {
        return [&to, first](const calls& by) {
            for (int i = 0; i < each_sends; ++i) {
                ASSERT_TRUE(by.send(to, first + i));
            }
            to.close();
        };
    };
    party to_a(home_, kind(), send_all(a, 0));
    party to_b(home_, kind(), send_all(b, each_sends));
    std::vector<int> count(2 * each_sends);
    as(home_, kind(), [&](const calls& by) {
        channel<int> from_a = a;
        channel<int> from_b = b;
        const auto take = [&](channel<int>& from) {
            return [&](std::optional<int> v) {
                if (v) {
                    ++count[static_cast<std::size_t>(*v)];
                } else {
                    from = nullptr;
                }
            };
        };
        while (from_a || from_b) {
            ASSERT_TRUE(
                by.select(on_receive(from_a, take(from_a)), on_receive(from_b, take(from_b))));
        }
    });
    EXPECT_EQ(count, std::vector(2 * each_sends, 1));
}

// A send case of a closed channel panics in Go.

TEST_P(GoSelect, SendCaseOfAClosedChannelIsReportedInsteadOfAPanic) {
    const channel<std::unique_ptr<int>> closed(1);
    const channel<int> other;
    closed.close();
    as(home_, kind(), [&](const calls& by) {
        auto value = std::make_unique<int>(1);
        const auto none = [] { ADD_FAILURE() << "nothing was sent"; };
        const auto taken =
            by.select(on_receive(other, ignore), on_send(closed, std::move(value), none));
        EXPECT_EQ(taken.error(), errc::channel_closed);
        EXPECT_NE(value, nullptr);
    });
}

TEST_P(GoSelect, CloseWakesItsSendCase) {
    const channel<std::unique_ptr<int>> c;
    const channel<int> other;
    party selecting(home_, kind(), [&](const calls& by) {
        auto value = std::make_unique<int>(1);
        const auto none = [] { ADD_FAILURE() << "nothing was sent"; };
        const auto taken = by.select(on_send(c, std::move(value), none), on_receive(other, ignore));
        EXPECT_EQ(taken.error(), errc::channel_closed);
        EXPECT_NE(value, nullptr);
    });
    ASSERT_TRUE(until_senders_wait(c));
    c.close();
}

// "Since communication on nil channels can never proceed, a select with only nil channels and no
// default case blocks forever." So does one without any case.

TEST_P(GoSelect, OnlyNilBlocksForEver) {
    const channel<int> nil = nullptr;
    std::stop_source stop;
    std::atomic<int> ended = 0;
    {
        party nils(home_, kind(), [&](const calls& by) {
            const auto bounded = by.within({.stop = stop.get_token()});
            EXPECT_EQ(bounded.select(on_receive(nil, ignore), on_send(nil, 1)).error(),
                      std::errc::operation_canceled);
            ++ended;
        });
        party nothing(home_, kind(), [&](const calls& by) {
            EXPECT_EQ(by.within({.stop = stop.get_token()}).select().error(),
                      std::errc::operation_canceled);
            ++ended;
        });
        std::this_thread::sleep_for(2ms);
        EXPECT_EQ(ended, 0);
        stop.request_stop();
    }
    EXPECT_EQ(ended, 2);
}

// "...the channel operands of receive operations and the channel and right-hand-side expressions of
// send statements are evaluated exactly once, in source order, upon entering the select": and the
// value of a send that is not chosen is not given away.

TEST_P(GoSelect, ValuesOfCasesThatAreNotTakenStay) {
    const channel<std::unique_ptr<int>> a;
    const channel<std::unique_ptr<int>> b(1);
    as(home_, kind(), [&](const calls& by) {
        auto first = std::make_unique<int>(1);
        auto second = std::make_unique<int>(2);
        EXPECT_EQ(by.select(on_send(a, std::move(first)), on_send(b, std::move(second))), 1u);
        EXPECT_NE(first, nullptr);
        EXPECT_EQ(second, nullptr);
    });
    EXPECT_EQ(**b.try_receive(), 2);
}

// "...exactly once", whether the case is taken or not and however long the select waits; in which
// order C++ does not say.

TEST_P(GoSelect, EvaluatesEachOperandOnce) {
    const channel<int> never;
    const channel<int> later;
    std::atomic<int> channels = 0;
    std::atomic<int> values = 0;
    const auto which = [&](const channel<int>& c) -> const channel<int>& {
        ++channels;
        return c;
    };
    const auto value = [&](int v) {
        ++values;
        return v;
    };
    as(home_, kind(), [&](const calls& by) {
        EXPECT_EQ(by.select(on_receive(which(never), ignore), on_send(which(never), value(1)),
                            otherwise()),
                  2u);
    });
    EXPECT_EQ(channels, 2);
    EXPECT_EQ(values, 1);
    party selecting(home_, kind(), [&](const calls& by) {
        EXPECT_EQ(by.select(on_receive(which(never), ignore), on_send(which(never), value(1)),
                            on_send(which(later), value(2))),
                  2u);
    });
    ASSERT_TRUE(until_senders_wait(later));
    EXPECT_EQ(channels, 5) << "all before it waits";
    EXPECT_EQ(values, 3);
    EXPECT_EQ(later.try_receive(), 2);
    selecting.join();
    EXPECT_EQ(channels, 5);
    EXPECT_EQ(values, 3);
}

// Send and receive on the same channel in one select: it does not meet itself.

TEST_P(GoSelect, DoesNotCommunicateWithItself) {
    const channel<int> c;
    as(home_, kind(), [&](const calls& by) {
        EXPECT_EQ(by.select(on_send(c, 1), on_receive(c, ignore), on_deadline(2ms)), 2u);
        EXPECT_EQ(by.select(on_send(c, 1), on_receive(c, ignore), otherwise()), 2u);
    });
}

TEST_P(GoSelect, TwoThatBothSendAndReceiveOnOneChannelMeet) {
    const channel<int> c;
    constexpr int rounds = 300;
    std::atomic<int> sent = 0;
    std::atomic<int> received = 0;
    const auto both = [&](const calls& by) {
        for (int i = 0; i < rounds; ++i) {
            ASSERT_TRUE(by.select(on_send(c, int{i}, [&] { ++sent; }),
                                  on_receive(c, [&](std::optional<int>) { ++received; })));
        }
    };
    {
        party one(home_, kind(), both);
        party other(home_, kind(), both);
    }
    EXPECT_EQ(sent, rounds);
    EXPECT_EQ(received, rounds);
}

// Two selects against each other, over two channels in opposite order: no deadlock, nothing lost.

TEST_P(GoSelect, TwoAgainstEachOther) {
    const channel<int> a;
    const channel<int> b;
    constexpr int rounds = 300;
    std::atomic<int> sent_by_one = 0;
    std::atomic<int> sent_by_other = 0;
    {
        party one(home_, kind(), [&](const calls& by) {
            for (int i = 0; i < rounds; ++i) {
                ASSERT_TRUE(by.select(on_send(a, int{i}, [&] { ++sent_by_one; }),
                                      on_receive(b, [](std::optional<int> v) { ASSERT_TRUE(v); })));
            }
        });
        party other(home_, kind(), [&](const calls& by) {
            for (int i = 0; i < rounds; ++i) {
                ASSERT_TRUE(by.select(on_send(b, int{i}, [&] { ++sent_by_other; }),
                                      on_receive(a, [](std::optional<int> v) { ASSERT_TRUE(v); })));
            }
        });
    }
    EXPECT_EQ(sent_by_one + sent_by_other, rounds);
}

// Many selects on the same channels: each value arrives once.

TEST_P(GoSelect, EachValueArrivesOnce) {
    const std::array<channel<int>, 3> all{channel<int>(), channel<int>(1), channel<int>(4)};
    constexpr int senders = 3;
    constexpr int each_sends = 100;
    std::vector<std::atomic<int>> count(senders * each_sends);
    {
        const channel<int> done;
        std::vector<party> receiving;
        for (int r = 0; r < 3; ++r) {
            receiving.emplace_back(home_, kind(), [&](const calls& by) {
                const auto got = [&](std::optional<int> v) {
                    ++count[static_cast<std::size_t>(v.value())];
                };
                std::size_t taken = 0;
                while (taken != 3) {
                    taken = by.select(on_receive(all[0], got), on_receive(all[1], got),
                                      on_receive(all[2], got), on_receive(done, ignore))
                                .value();
                }
            });
        }
        {
            std::vector<party> sending;
            for (int s = 0; s < senders; ++s) {
                sending.emplace_back(home_, kind(), [&, s](const calls& by) {
                    for (int i = 0; i < each_sends; ++i) {
                        const int value = s * each_sends + i;
                        ASSERT_TRUE(by.select(on_send(all[2], value), on_send(all[0], value),
                                              on_send(all[1], value)));
                    }
                });
            }
        }
        ASSERT_TRUE(testing::eventually([&] { return all[1].size() == 0 && all[2].size() == 0; }));
        done.close();
    }
    for (const auto& each : count) {
        ASSERT_EQ(each, 1);
    }
}

// "RecvStmt: x, ok = <-c": whether it is a value or the end.

TEST_P(GoSelect, TellsAValueFromTheEnd) {
    const channel<int> c(1);
    ASSERT_TRUE(c.try_send(0));
    c.close();
    as(home_, kind(), [&](const calls& by) {
        std::optional<int> got;
        const auto keep = [&](std::optional<int> v) { got = v; };
        EXPECT_EQ(by.select(on_receive(c, keep)), 0u);
        EXPECT_EQ(got, 0);
        EXPECT_EQ(by.select(on_receive(c, keep)), 0u);
        EXPECT_EQ(got, std::nullopt);
    });
}

}  // namespace
}  // namespace weft
