// SPDX-License-Identifier: Apache-2.0
//
// One test for three kinds of callers. A body is a coroutine that says what is done with the calls
// of its caller:
//
//     auto mine = co_await TypeParam::lock(m);
//
// For a fiber or plain thread such a call blocks and the co_await finds it done, so the body never
// suspends and is run right there; for a coroutine it is the awaitable form. g++ 12: name what is
// awaited, and never co_await in a condition (see <weft/task.h>).
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <coroutine>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <ostream>
#include <shared_mutex>
#include <stop_token>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <weft/co.h>
#include <weft/fiber.h>
#include <weft/runtime.h>
#include <weft/scope.h>
#include <weft/task.h>

#include "../integration/support.h"

namespace weft::testing {

/// What a call that has blocked already gives to the co_await.
template <class T>
class done {
public:
    explicit done(T value) : value_(std::move(value)) {}
    [[nodiscard]] bool await_ready() const noexcept { return true; }
    void await_suspend(std::coroutine_handle<>) const noexcept {}
    T await_resume() { return std::move(value_); }

private:
    T value_;
};

template <>
class done<void> {
public:
    [[nodiscard]] bool await_ready() const noexcept { return true; }
    void await_suspend(std::coroutine_handle<>) const noexcept {}
    void await_resume() const noexcept {}
};

/// Runs a body that never suspends, on the stack of whoever calls.
struct inline_run {
    struct promise_type {
        std::exception_ptr exception;
        inline_run get_return_object() noexcept {
            return {std::coroutine_handle<promise_type>::from_promise(*this)};
        }
        std::suspend_never initial_suspend() const noexcept { return {}; }
        std::suspend_always final_suspend() const noexcept { return {}; }
        void return_void() const noexcept {}
        void unhandled_exception() noexcept { exception = std::current_exception(); }
    };
    std::coroutine_handle<promise_type> coroutine;
};

inline inline_run begin_inline(task<> body) {
    co_await std::move(body);
}

inline void run_inline(task<> body) {
    const inline_run run = begin_inline(std::move(body));
    EXPECT_TRUE(run.coroutine.done()) << "a blocking call suspended the coroutine";
    const std::exception_ptr exception = run.coroutine.promise().exception;
    run.coroutine.destroy();
    if (exception != nullptr) {
        std::rethrow_exception(exception);
    }
}

/// The calls of fibers and plain threads.
struct blocking_calls {
    static constexpr bool is_coroutine = false;

    template <class Mutex>
    static auto lock(Mutex& m) {
        return done(std::unique_lock(m));
    }
    template <class Mutex>
    static auto lock(Mutex& m, deadline until) {
        return done(held<std::unique_lock<Mutex>>(m, m.lock(until)));
    }
    template <class Mutex>
    static auto lock_shared(Mutex& m) {
        return done(std::shared_lock(m));
    }
    template <class Mutex>
    static auto lock_shared(Mutex& m, deadline until) {
        return done(held<std::shared_lock<Mutex>>(m, m.lock_shared(until)));
    }
    template <class Callable>
    static done<void> call_once(once_flag& flag, Callable callable) {
        weft::call_once(flag, callable);
        return {};
    }
    template <class Callable>
    static auto call_once(once_flag& flag, deadline until, Callable callable) {
        return done(weft::call_once(flag, until, callable));
    }
    static done<void> acquire(sync::semaphore_base& s) {
        s.acquire();
        return {};
    }
    static auto acquire(sync::semaphore_base& s, deadline until) { return done(s.acquire(until)); }
    static auto try_acquire_until(sync::semaphore_base& s, clock::time_point when) {
        return done(s.try_acquire_until(when));
    }
    template <class Object>
    static done<void> wait(Object& object) {
        object.wait();
        return {};
    }
    template <class Object>
    static auto wait(Object& object, deadline until) {
        return done(object.wait(until));
    }
    static auto wait_until(wait_group& group, clock::time_point when) {
        return done(group.wait_until(when));
    }
    template <class Barrier>
    static done<void> wait_for(Barrier& b, typename Barrier::arrival_token&& token) {
        b.wait(std::move(token));
        return {};
    }
    template <class Barrier>
    static auto wait_for(Barrier& b, typename Barrier::arrival_token&& token, deadline until) {
        return done(b.wait(std::move(token), until));
    }
    template <class Object>
    static done<void> arrive_and_wait(Object& object) {
        object.arrive_and_wait();
        return {};
    }
    template <class Completion>
    static auto arrive_and_wait(barrier<Completion>& b, deadline until) {
        return done(b.arrive_and_wait(until));
    }
    static auto arrive_and_wait(latch& l, std::ptrdiff_t n, deadline until) {
        return done(l.arrive_and_wait(n, until));
    }
    static done<void> wait(condition_variable& cv, std::unique_lock<mutex>& lock) {
        cv.wait(lock);
        return {};
    }
    static auto wait_until(condition_variable& cv, std::unique_lock<mutex>& lock,
                           clock::time_point when) {
        return done(cv.wait_until(lock, when));
    }
    template <class Predicate>
    static done<void> wait(condition_variable& cv, std::unique_lock<mutex>& lock,
                           Predicate satisfied) {
        cv.wait(lock, satisfied);
        return {};
    }
    template <class Predicate>
    static auto wait(condition_variable& cv, std::unique_lock<mutex>& lock, deadline until,
                     Predicate satisfied) {
        return done(cv.wait(lock, until, satisfied));
    }
    template <class Predicate>
    static auto wait_until(condition_variable& cv, std::unique_lock<mutex>& lock,
                           clock::time_point when, Predicate satisfied) {
        return done(cv.wait_until(lock, when, satisfied));
    }
    static done<void> yield() {
        this_fiber::yield();
        return {};
    }
    static auto get_stop_token() { return done(this_fiber::get_stop_token()); }

private:
    template <class Lock>
    static result<Lock> held(typename Lock::mutex_type& m, const result<void>& locked) {
        if (!locked) {
            return std::unexpected(locked.error());
        }
        return Lock(m, std::adopt_lock);
    }
};

/// The calls of coroutines.
struct awaitable_calls {
    static constexpr bool is_coroutine = true;

    template <class... Args>
    static auto lock(Args&&... args) {
        return co::lock(std::forward<Args>(args)...);
    }
    template <class... Args>
    static auto lock_shared(Args&&... args) {
        return co::lock_shared(std::forward<Args>(args)...);
    }
    template <class... Args>
    static auto call_once(once_flag& flag, Args... args) {
        return co::call_once(flag, std::move(args)...);
    }
    template <class... Args>
    static auto acquire(Args&&... args) {
        return co::acquire(std::forward<Args>(args)...);
    }
    static auto try_acquire_until(sync::semaphore_base& s, clock::time_point when) {
        return co::try_acquire_until(s, when);
    }
    template <class... Args>
    static auto wait(Args&&... args) {
        return co::wait(std::forward<Args>(args)...);
    }
    template <class Object, class... Args>
    static auto wait_until(Object& object, Args&&... args) {
        return co::wait_until(object, std::forward<Args>(args)...);
    }
    template <class... Args>
    static auto wait_for(Args&&... args) {
        return co::wait(std::forward<Args>(args)...);
    }
    template <class... Args>
    static auto arrive_and_wait(Args&&... args) {
        return co::arrive_and_wait(std::forward<Args>(args)...);
    }
    static auto yield() { return co::yield(); }
    static auto get_stop_token() { return co::get_stop_token(); }
};

/// A coroutine lambda, which lives as long as its coroutine. One type for all, so that what starts
/// it is compiled once.
using any_body = std::function<task<>()>;

inline task<> call_body(any_body body) {
    co_await body();
}

inline task<> call_body_within(std::stop_token token, deadline until, any_body body) {
    co_await co::with_stop_token(token, co::with_deadline(until, call_body(std::move(body))));
}

/// Somebody who runs a body beside the test. Joined at the end.
struct fibers : blocking_calls {
    static constexpr std::string_view name = "fibers";
    /// With how many workers each test runs.
    static constexpr std::array workers{1U, 2U, 4U};

    using actor = fiber;

    static actor start(runtime& home, any_body body) {
        return home.spawn([body = std::move(body)] { run_inline(body()); });
    }
    static actor start_within(runtime& home, std::stop_token token, deadline until, any_body body) {
        return home.spawn([token, until, body = std::move(body)] {
            const sched::cancel_scope scope(token, until);
            run_inline(body());
        });
    }
};

struct coroutines : awaitable_calls {
    static constexpr std::string_view name = "coroutines";
    static constexpr std::array workers{1U, 2U, 4U};

    using actor = task_handle<>;

    static actor start(runtime& home, any_body body) {
        return home.spawn(call_body(std::move(body)));
    }
    static actor start_within(runtime& home, std::stop_token token, deadline until, any_body body) {
        return home.spawn(call_body_within(token, until, std::move(body)));
    }
};

struct threads : blocking_calls {
    static constexpr std::string_view name = "threads";
    static constexpr std::array workers{1U};

    using actor = std::jthread;

    static actor start(runtime&, any_body body) {
        return std::jthread([body = std::move(body)] { run_inline(body()); });
    }
    static actor start_within(runtime&, std::stop_token token, deadline until, any_body body) {
        return std::jthread([token, until, body = std::move(body)] {
            const sched::cancel_scope scope(token, until);
            run_inline(body());
        });
    }
};

/// Of the test that is made next.
inline unsigned workers_of_next_test = 1;

/// A test of one kind of callers, and a runtime for it.
template <class Caller>
class ByCaller : public ::testing::Test {
protected:
    template <class Body>
    auto start(Body body) {
        return Caller::start(home, std::move(body));
    }

    /// Bounded by `token` and `until`.
    template <class Body>
    auto start_within(std::stop_token token, deadline until, Body body) {
        return Caller::start_within(home, token, until, std::move(body));
    }
    template <class Body>
    auto start_within(const std::stop_source& stop, Body body) {
        return Caller::start_within(home, stop.get_token(), {}, std::move(body));
    }

    /// Runs it to its end.
    template <class Body>
    void act(Body body) {
        start(std::move(body)).join();
    }

    template <class Body>
    void act_within(std::stop_token token, deadline until, Body body) {
        start_within(token, until, std::move(body)).join();
    }

    runtime home{{.workers = workers_of_next_test}};
};

template <template <class Caller> class Test, class Caller>
void register_test_of(const std::string& suite, const char* test, const char* file, int line) {
    for (const unsigned workers : Caller::workers) {
        std::string name = suite + "/" + std::string(Caller::name);
        if (Caller::workers.size() > 1) {
            name += "_" + std::to_string(workers);
        }
        ::testing::RegisterTest(name.c_str(), test, nullptr, nullptr, file, line,
                                [workers]() -> ByCaller<Caller>* {
                                    workers_of_next_test = workers;
                                    return new Test<Caller>;
                                });
    }
}

template <template <class Caller> class Test, class... Callers>
bool register_test(const char* suite, const char* test, const char* file, int line) {
    (register_test_of<Test, Callers>(suite, test, file, line), ...);
    return true;
}

#define WEFT_TEST_BY(Suite, Name, ...)                                                          \
    template <class TypeParam>                                                                  \
    class Suite##_##Name##_Test : public ::weft::testing::ByCaller<TypeParam> {                 \
        void TestBody() override;                                                               \
    };                                                                                          \
    [[maybe_unused]] const bool Suite##_##Name##_is_registered =                                \
        ::weft::testing::register_test<Suite##_##Name##_Test, __VA_ARGS__>(#Suite, #Name,       \
                                                                           __FILE__, __LINE__); \
    template <class TypeParam>                                                                  \
    void Suite##_##Name##_Test<TypeParam>::TestBody()

/// WEFT_TEST_BY_CALLER(Suite, Name) { body } is a test for each kind of callers, TypeParam, and for
/// each number of workers that it runs on. As TYPED_TEST, but that number is no part of the type,
/// or each body would be compiled seven times and not three: minutes of a build.
#define WEFT_TEST_BY_CALLER(Suite, Name)                                            \
    WEFT_TEST_BY(Suite, Name, ::weft::testing::fibers, ::weft::testing::coroutines, \
                 ::weft::testing::threads)

/// For calls that only block.
#define WEFT_TEST_BY_BLOCKING_CALLER(Suite, Name) \
    WEFT_TEST_BY(Suite, Name, ::weft::testing::fibers, ::weft::testing::threads)

/// Until all that were started wait: no kernel thread has anything to run.
inline void until_all_wait() {
    EXPECT_TRUE(until_all_others_sleep());
}

inline void expect_timed_out(const std::error_code& error) {
    EXPECT_EQ(error, std::errc::timed_out) << error.message();
}

inline void expect_cancelled(const std::error_code& error) {
    EXPECT_EQ(error, std::errc::operation_canceled) << error.message();
}

/// A stop that has been requested.
inline std::stop_token stopped() {
    std::stop_source source;
    source.request_stop();
    return source.get_token();
}

/// Different for each step, and the same in each run.
inline std::chrono::microseconds timeout_of(int who, int step) {
    return std::chrono::microseconds((who * 37 + step * 11) % 97);
}

}  // namespace weft::testing
