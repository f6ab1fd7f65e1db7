// SPDX-License-Identifier: Apache-2.0
//
// For tests of calls that a stop ends: each is stopped while it waits, at each of its waits, before
// it is made and at any other moment; on fibers, coroutines and plain threads. What it was called
// on works afterwards.
//
//     struct world { ...; static const std::vector<waiting_call<world>>& calls(); };
//     using CancellationOfPipes = CancelledCall<world>;
//     WEFT_TEST_CANCELLED_CALLS(CancellationOfPipes);
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <stop_token>
#include <string>
#include <system_error>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <weft/co.h>
#include <weft/scope.h>

#include "callers.h"
#include "support.h"

namespace weft::testing {

/// A call that waits for what does not come, in a world of its own.
template <class World>
struct waiting_call {
    using blocking_form = std::function<std::error_code(World&)>;
    using awaitable_form = std::function<task<std::error_code>(World&)>;
    using act = std::function<void(World&)>;

    // Not an aggregate with default values, of which g++ 12 dies.
    waiting_call(const char* its_name, blocking_form blocks, awaitable_form awaits, act checks,
                 act completes = nullptr)
        : name(its_name),
          blocking(std::move(blocks)),
          awaitable(std::move(awaits)),
          check(std::move(checks)),
          complete(std::move(completes)) {}

    const char* name;
    blocking_form blocking;
    awaitable_form awaitable;  ///< none for some
    /// Whether what it was called on still works, in the world in which the call was stopped.
    act check;
    /// Makes some of what it waits for come, on a plain thread beside it: again and again, whenever
    /// it waits, until it is over. None: it is known to wait once.
    act complete;
};

/// Several lists of calls as one.
template <class World>
std::vector<waiting_call<World>> joined(
    std::initializer_list<std::vector<waiting_call<World>>> lists) {
    std::vector<waiting_call<World>> all;
    for (const auto& list : lists) {
        all.insert(all.end(), list.begin(), list.end());
    }
    return all;
}

template <class World>
class CancelledCall : public ::testing::TestWithParam<std::tuple<std::size_t, caller, unsigned>> {
public:
    using param = std::tuple<std::size_t, caller, unsigned>;

    static std::string name_of_case(const ::testing::TestParamInfo<param>& info) {
        const auto& [call, who, workers] = info.param;
        return std::string(World::calls()[call].name) + "_" + name_of(who) + "_" +
               std::to_string(workers);
    }

    /// Each call by each caller that can make it, on so many workers.
    static std::vector<param> all_cases(const std::vector<unsigned>& workers) {
        std::vector<param> cases;
        for (std::size_t i = 0; i < World::calls().size(); ++i) {
            for (const unsigned n : workers) {
                cases.emplace_back(i, caller::fiber, n);
                cases.emplace_back(i, caller::thread, n);
                if (World::calls()[i].awaitable) {
                    cases.emplace_back(i, caller::coroutine, n);
                }
            }
        }
        return cases;
    }

protected:
    void while_it_waits() {
        World w;
        std::stop_source stop;
        // The call is made on a thread of its own; by then all others but this one sleep.
        std::thread stopper([&] {
            EXPECT_TRUE(until_all_others_sleep());
            stop.request_stop();
        });
        EXPECT_EQ(make_call(w, stop.get_token()), canceled);
        stopper.join();
        check(w);
    }

    void before_it_is_made() {
        World w;
        std::stop_source stop;
        stop.request_stop();
        EXPECT_EQ(make_call(w, stop.get_token()), canceled);
        check(w);
    }

    /// The n-th for all n, until the call succeeds since it has fewer.
    void at_each_wait() {
        bool stopped = true;
        for (std::uint64_t n = 1; stopped && (n == 1 || call().complete); ++n) {
            ASSERT_LT(n, 1000u);
            World w;
            ended_call ended;
            std::thread helper([&] {
                while (n > 1 && until_all_others_sleep() && !ended.over) {
                    call().complete(w);
                }
            });
            stopped = stopped_at(n, w, ended);
            helper.join();
            EXPECT_TRUE(stopped || n > 1) << "it did not wait";
            if (n == 1 || ended.how) {
                EXPECT_EQ(ended.how, canceled) << n;
                EXPECT_TRUE(stopped) << n;
                check(w);
            }
        }
    }

    void at_the_deadline_around_it() {
        World w;
        std::error_code failed;
        const auto bounded = [&] {
            failed = with_deadline(deadline_around, [&] { return call().blocking(w); });
        };
        switch (who()) {
            case caller::fiber:
                runtime_.run(bounded);
                break;
            case caller::coroutine:
                failed =
                    runtime_.spawn(co::with_deadline(deadline_around, call().awaitable(w))).join();
                break;
            case caller::thread:
                bounded();
                break;
        }
        EXPECT_EQ(failed, std::errc::timed_out);
        check(w);
    }

    /// Requests a stop after more and more steps, so that some runs meet each moment of the call.
    void at_whatever_moment() {
        for (int spins = 0; spins < 200; spins += 3) {
            World w;
            std::stop_source stop;
            std::atomic<bool> begun = false;
            std::thread stopper([&] {
                while (!begun) {
                }
                for (int i = 0; i < spins * 40; ++i) {
                    begun.load();
                }
                stop.request_stop();
            });
            begun = true;
            EXPECT_EQ(make_call(w, stop.get_token()), canceled);
            stopper.join();
            check(w);
            if (HasFailure()) {
                break;
            }
        }
    }

private:
    static constexpr std::errc canceled = std::errc::operation_canceled;
    static constexpr std::chrono::milliseconds deadline_around{5};

    [[nodiscard]] static const waiting_call<World>& call() {
        return World::calls()[std::get<0>(GetParam())];
    }
    [[nodiscard]] static caller who() { return std::get<1>(GetParam()); }

    struct ended_call {
        std::error_code how;
        /// Set by the kernel thread that made the call, before it can sleep again: whoever finds
        /// that one asleep and this unset knows that the call waits.
        std::atomic<bool> over = false;
    };

    static task<> call_in_coroutine(World& w, const waiting_call<World>& call, ended_call& ended) {
        ended.how = co_await call.awaitable(w);
        ended.over = true;
    }

    /// Makes the call, stopped at its n-th wait: whether it had so many.
    bool stopped_at(std::uint64_t n, World& w, ended_call& ended) {
        const auto stopped = [&] {
            return stop_at_wait(n, [&] {
                ended.how = call().blocking(w);
                ended.over = true;
            });
        };
        switch (who()) {
            case caller::fiber:
                return runtime_.run(stopped);
            case caller::coroutine:
                return runtime_.spawn(co::stop_at_wait(n, call_in_coroutine(w, call(), ended)))
                    .join();
            case caller::thread:
                return stopped();
        }
        return false;
    }

    void check(World& w) {
        if (call().check) {
            call().check(w);
        }
    }

    /// Makes the call, bounded by `token`.
    std::error_code make_call(World& w, const std::stop_token& token) {
        switch (who()) {
            case caller::fiber:
                return runtime_.run(
                    [&] { return with_stop_token(token, [&] { return call().blocking(w); }); });
            case caller::coroutine:
                return runtime_.spawn(co::with_stop_token(token, call().awaitable(w))).join();
            case caller::thread:
                return with_stop_token(token, [&] { return call().blocking(w); });
        }
        return {};
    }

    runtime runtime_{{.workers = std::get<2>(GetParam())}};
};

/// In a namespace without a name. Workers: {1, 2}, say.
#define WEFT_TEST_CANCELLED_CALLS(suite, ...)                                                  \
    INSTANTIATE_TEST_SUITE_P(Calls, suite, ::testing::ValuesIn(suite::all_cases(__VA_ARGS__)), \
                             suite::name_of_case);                                             \
    TEST_P(suite, WhileItWaits) {                                                              \
        while_it_waits();                                                                      \
    }                                                                                          \
    TEST_P(suite, BeforeItIsMade) {                                                            \
        before_it_is_made();                                                                   \
    }                                                                                          \
    TEST_P(suite, AtEachWait) {                                                                \
        at_each_wait();                                                                        \
    }                                                                                          \
    TEST_P(suite, AtTheDeadlineAroundIt) {                                                     \
        at_the_deadline_around_it();                                                           \
    }                                                                                          \
    TEST_P(suite, AtWhateverMoment) {                                                          \
        at_whatever_moment();                                                                  \
    }                                                                                          \
    static_assert(true)

}  // namespace weft::testing
