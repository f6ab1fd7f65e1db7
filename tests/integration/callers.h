// SPDX-License-Identifier: Apache-2.0
//
// For tests of calls that fibers, plain threads and, in another form, coroutines make: one text for
// all three.
//
//     class Sleeps : public OnEachCaller {};
//     INSTANTIATE_TEST_SUITE_P(Callers, Sleeps, each_caller, name_of_caller);
//     TEST_P(Sleeps, Ready) { EXPECT_TRUE(call(WEFT_BOTH(wait_readable(fd, 5s)))); }
#pragma once

#include <chrono>
#include <concepts>
#include <cstdint>
#include <functional>
#include <future>
#include <optional>
#include <stop_token>
#include <string>
#include <system_error>
#include <utility>

#include <gtest/gtest.h>
#include <weft/co.h>
#include <weft/scope.h>

#include "support.h"

namespace weft::testing {

enum class caller : std::uint8_t { fiber, coroutine, thread };

inline std::string name_of(caller who) {
    return who == caller::fiber ? "fiber" : who == caller::coroutine ? "coroutine" : "thread";
}

inline void PrintTo(caller who, std::ostream* out) {
    *out << name_of(who);
}

inline std::string name_of_caller(const ::testing::TestParamInfo<caller>& info) {
    return name_of(info.param);
}

inline const auto each_caller = ::testing::Values(caller::fiber, caller::coroutine, caller::thread);

/// The two forms of a call, as arguments of call() and its like.
#define WEFT_BOTH(...) [&] { return weft::__VA_ARGS__; }, [&] { return weft::co::__VA_ARGS__; }

/// The same, for a member function of an object and the function of its name that takes the object.
#define WEFT_BOTH_OF(object, name, ...)         \
    [&] { return (object).name(__VA_ARGS__); }, \
        [&] { return weft::co::name((object)__VA_OPT__(, ) __VA_ARGS__); }

/// What bounds a call in a test.
struct bounds {
    std::stop_token token;
    deadline until;
};

/// Of a call whose object was closed: while it waited or, if it was late, before it began.
inline void expect_closed(const std::error_code& error) {
    EXPECT_TRUE(error == std::errc::operation_canceled || error == std::errc::bad_file_descriptor)
        << error;
}

/// What the awaitable of `make()` results in.
template <class T, class Make>
task<T> awaited(Make make) {
    T value = co_await make();
    co_return value;
}

/// The same kept in `outcome`, for a coroutine that may return nothing: co::stop_at_wait().
template <class T, class Make>
task<> keep_outcome(Make make, std::optional<T>& outcome) {
    T value = co_await make();
    outcome.emplace(std::move(value));
}

class OnEachCaller : public ::testing::TestWithParam<caller> {
protected:
    [[nodiscard]] static caller who() { return GetParam(); }

    /// Makes the call as who() says and returns its result.
    template <class Blocking, class Async>
    auto call(Blocking blocking, Async async) {
        return call_as(who(), nullptr, forms_of(std::move(blocking), std::move(async)));
    }

    template <class Blocking, class Async>
    auto call_in(const bounds& limits, Blocking blocking, Async async) {
        return call_as(who(), &limits, forms_of(std::move(blocking), std::move(async)));
    }

    /// The same beside the test. Ends before what the call refers to does: get() it.
    template <class Blocking, class Async>
    auto start(Blocking blocking, Async async) {
        return start_as(who(), std::move(blocking), std::move(async));
    }

    template <class Blocking, class Async>
    auto start_in(bounds limits, Blocking blocking, Async async) {
        return begin_as(who(), std::move(limits), forms_of(std::move(blocking), std::move(async)));
    }

    template <class Blocking, class Async>
    auto start_as(caller as, Blocking blocking, Async async) {
        return begin_as(as, std::nullopt, forms_of(std::move(blocking), std::move(async)));
    }

    runtime& home() { return *runtime_; }

    /// Ends the runtime, which has two workers unless `workers` says so, and starts another.
    void use_workers(unsigned workers) {
        runtime_.reset();
        runtime_.emplace(runtime_options{.workers = workers});
    }

private:
    /// A call in both forms. What makes it sees no more of it than that, and is compiled once for
    /// each type of result instead of once for each call, which took minutes of a build.
    template <class T>
    struct forms {
        std::function<T()> blocking;
        std::function<task<T>()> async;
    };

    template <class Blocking, class Async>
    static auto forms_of(Blocking blocking, Async async) {
        using value = decltype(blocking());
        return forms<value>{std::move(blocking),
                            [async = std::move(async)] { return awaited<value>(async); }};
    }

    template <class T>
    T call_as(caller as, const bounds* limits, const forms<T>& call) {
        const auto bounded = [&] {
            return limits == nullptr ? call.blocking() : with_stop_token(limits->token, [&] {
                return with_deadline(limits->until, call.blocking);
            });
        };
        switch (as) {
            case caller::coroutine:
                return home()
                    .spawn(limits == nullptr
                               ? call.async()
                               : co::with_stop_token(
                                     limits->token, co::with_deadline(limits->until, call.async())))
                    .join();
            case caller::fiber:
                return home().run(bounded);
            default:
                return bounded();
        }
    }

    template <class T>
    std::future<T> begin_as(caller as, std::optional<bounds> limits, forms<T> call) {
        return std::async(std::launch::async,
                          [this, as, limits = std::move(limits), call = std::move(call)] {
                              return call_as(as, limits ? &*limits : nullptr, call);
                          });
    }

    std::optional<runtime> runtime_{std::in_place, runtime_options{.workers = 2}};
};

}  // namespace weft::testing
