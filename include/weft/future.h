// SPDX-License-Identifier: Apache-2.0
//
// future, promise and async: those of <future> for fibers, coroutines and plain threads, and
// when_all, when_any.
//
//     weft::future<int> a = weft::async(compute, 1);
//     auto [x, y] = weft::when_all(std::move(a), weft::async(compute, 2));
//     int z = co_await std::move(b);                      // in a coroutine, however long it takes
//     const auto c_is_ready = co_await weft::co::wait(c, 1s);  // or until something ends the wait
//
// Errors of misuse are std::future_error, as those of std::future. As with std::async, a future
// that came from weft::async waits in its destructor; any other does not. Nothing is deferred:
// weft::async takes no policy. Where work should not outlive a block, see <weft/scope.h>.
//
// Thread safety: as the standard's: a promise and its future may be used from different threads;
// one future not, and of one promise only set_value() and set_exception(), of which one wins. Who
// gets the result may end the promise, also if set_value() has not returned yet.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <future>  // IWYU pragma: export (std::future_error, future_errc, future_status)
#include <new>
#include <optional>
#include <span>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

#include <weft/error.h>
#include <weft/fiber.h>
#include <weft/fiber_local.h>
#include <weft/task.h>
#include <weft/time.h>
#include <weft/wait_group.h>

namespace weft {

namespace detail {

class future_state_base;

/// Somebody who waits for any of several futures; on its own stack or in its frame.
struct any_watch {
    struct node {
        any_watch* of = nullptr;
        std::size_t index = 0;
        node* next = nullptr;
    };

    /// A future is ready. Any thread; the first counts.
    void fire(std::size_t index) noexcept;

    /// Hangs `nodes`, one for each of `states`, into them.
    void begin(std::span<future_state_base* const> states, std::span<node> nodes) noexcept;

    /// Takes them out. The index of one that is ready or, if none is, how the wait failed.
    result<std::size_t> end(std::span<future_state_base* const> states, std::span<node> nodes,
                            const result<void>& waited) noexcept;

    wait_group ready{1};
    std::uint32_t fired = 0;
    std::size_t first = 0;
};

/// What a promise and its future share, whatever the type. Freed by the last of both.
class future_state_base {
public:
    future_state_base(const future_state_base&) = delete;
    future_state_base& operator=(const future_state_base&) = delete;

    void hold() noexcept { __atomic_fetch_add(&holders_, 1u, __ATOMIC_RELAXED); }
    void let_go() noexcept {
        if (__atomic_sub_fetch(&holders_, 1u, __ATOMIC_ACQ_REL) == 0) {
            destroy();
        }
    }

    [[nodiscard]] wait_group& ready() noexcept { return ready_; }

    /// True for one caller, who then stores what it has and calls publish().
    bool claim() noexcept { return __atomic_exchange_n(&claimed_, 1u, __ATOMIC_RELAXED) == 0; }
    void publish() noexcept;

    /// Tells `watch` when it is ready: at once if it is by now.
    void watch(any_watch::node& watch) noexcept;
    /// Afterwards nothing refers to `watch`.
    void unwatch(any_watch::node& watch) noexcept;

protected:
    future_state_base() = default;
    virtual ~future_state_base() = default;

private:
    void destroy() noexcept { delete this; }

    std::uint32_t holders_ = 1;
    std::uint32_t claimed_ = 0;
    std::uint32_t lock_ = 0;  // guards watches_
    any_watch::node* watches_ = nullptr;
    wait_group ready_{1};
};

template <class T>
class future_state final : public future_state_base {
public:
    coro::outcome<T> value;
};

/// A counted reference.
template <class T>
class state_holder {
public:
    state_holder() noexcept = default;
    /// Takes over one count.
    explicit state_holder(future_state<T>* state) noexcept : state_(state) {}
    state_holder(state_holder&& other) noexcept : state_(std::exchange(other.state_, nullptr)) {}
    state_holder& operator=(state_holder&& other) noexcept {
        std::swap(state_, other.state_);
        return *this;
    }
    state_holder(const state_holder&) = delete;
    state_holder& operator=(const state_holder&) = delete;
    ~state_holder() {
        if (state_ != nullptr) {
            state_->let_go();
        }
    }

    [[nodiscard]] explicit operator bool() const noexcept { return state_ != nullptr; }

    /// Throws std::future_error if there is none.
    [[nodiscard]] future_state<T>& get() const {
        if (state_ == nullptr) {
            throw std::future_error(std::future_errc::no_state);
        }
        return *state_;
    }

    [[nodiscard]] state_holder share() const {
        get().hold();
        return state_holder(state_);
    }

private:
    future_state<T>* state_ = nullptr;
};

struct future_access;

}  // namespace detail

template <class T>
class promise;

/// The result of what runs elsewhere: a value, a reference or nothing; or an exception.
template <class T>
class [[nodiscard]] future {
public:
    /// Of nothing: not valid().
    future() noexcept = default;
    future(future&& other) noexcept
        : state_(std::move(other.state_)), joins_(std::exchange(other.joins_, false)) {}
    future& operator=(future&& other) noexcept {
        if (this != &other) {
            end();
            state_ = std::move(other.state_);
            joins_ = std::exchange(other.joins_, false);
        }
        return *this;
    }
    future(const future&) = delete;
    future& operator=(const future&) = delete;
    /// Waits for the result if it came from weft::async() and nobody took it.
    ~future() { end(); }

    /// Whether it has a result to come or to be taken. All calls but this one throw
    /// std::future_errc::no_state without.
    [[nodiscard]] bool valid() const noexcept { return static_cast<bool>(state_); }

    /// Whether get() would return at once. Never waits.
    [[nodiscard]] bool is_ready() const { return state_.get().ready().is_done(); }

    /// Waits, then returns the value or throws the exception. Once: not valid() afterwards.
    T get() {
        state_.get().ready().wait();
        return take();
    }

    /// Waits until there is a result.
    void wait() const { state_.get().ready().wait(); }

    /// As above: std::errc::timed_out at `until`, std::errc::operation_canceled if what bounds the
    /// caller is stopped.
    result<void> wait(deadline until) const { return state_.get().ready().wait(until); }

    /// As wait(), for `timeout` at most; std::future_status::timeout also when a stop ends it.
    template <class Rep, class Period>
    std::future_status wait_for(const std::chrono::duration<Rep, Period>& timeout) const {
        return state_.get().ready().wait_for(timeout) ? std::future_status::ready
                                                      : std::future_status::timeout;
    }

    /// The same until `when`, by any clock; see deadline::at().
    template <class Clock, class Duration>
    std::future_status wait_until(const std::chrono::time_point<Clock, Duration>& when) const {
        return state_.get().ready().wait_until(when) ? std::future_status::ready
                                                     : std::future_status::timeout;
    }

    /// In a coroutine: waits for the value, as get().
    auto operator co_await() && {
        struct awaiter : coro::wait_group_awaiter {
            future* self;
            explicit awaiter(future& f)
                : wait_group_awaiter(f.state_.get().ready(), deadline::never()), self(&f) {}
            T await_resume() {
                wait_group_awaiter::await_resume();
                return self->take();
            }
        };
        return awaiter(*this);
    }

private:
    friend class promise<T>;
    friend struct detail::future_access;

    explicit future(detail::state_holder<T> state) noexcept : state_(std::move(state)) {}

    T take() {
        const auto taken = std::exchange(state_, detail::state_holder<T>());
        joins_ = false;
        return taken.get().value.take();
    }

    void end() noexcept {
        if (joins_) {
            state_.get().ready().wait();
        }
    }

    detail::state_holder<T> state_;
    bool joins_ = false;  // it came from async()
};

namespace detail {

struct future_access {
    template <class T>
    static future_state_base& state(const future<T>& f) {
        return f.state_.get();
    }
    template <class T>
    static void join_at_end(future<T>& f) noexcept {
        f.joins_ = true;
    }
    template <class T, class Call>
    static void keep_result_of(promise<T>& p, Call& call) {
        p.keep_result_of(call);
    }
    template <class T>
    static void publish(promise<T>& p) {
        p.publish();
    }
};

}  // namespace detail

/// Where the result of a future comes from.
template <class T>
class promise {
public:
    /// Throws std::bad_alloc.
    promise() : state_(new detail::future_state<T>) {}
    promise(promise&&) noexcept = default;
    promise& operator=(promise&& other) noexcept {
        if (this != &other) {
            promise old(std::move(*this));
            state_ = std::move(other.state_);
            given_ = other.given_;
        }
        return *this;
    }
    promise(const promise&) = delete;
    promise& operator=(const promise&) = delete;

    /// If it was not kept, the future throws std::future_errc::broken_promise.
    ~promise() {
        if (state_ && state_.get().claim()) {
            state_.get().value.set_exception(
                std::make_exception_ptr(std::future_error(std::future_errc::broken_promise)));
            state_.get().publish();
        }
    }

    /// Once.
    [[nodiscard]] future<T> get_future() {
        detail::state_holder<T> shared = state_.share();
        if (std::exchange(given_, true)) {
            throw std::future_error(std::future_errc::future_already_retrieved);
        }
        return future<T>(std::move(shared));
    }

    /// Once, or set_exception(). What making the value throws leaves the promise as it was; what
    /// moving it throws becomes the future's.
    template <class... U>
        requires(sizeof...(U) == (std::is_void_v<T> ? 0 : 1))
    void set_value(U&&... value) {
        if constexpr (std::is_void_v<T>) {
            claim().value.set_value(std::monostate());
        } else if constexpr (std::is_reference_v<T>) {
            claim().value.set_value(std::forward<U>(value)...);
        } else {
            T made(std::forward<U>(value)...);
            auto& state = claim();
            try {
                state.value.set_value(std::move(made));
            } catch (...) {
                state.value.set_exception(std::current_exception());
            }
        }
        state_.get().publish();
    }

    /// Once, or set_value(): the future throws `exception`, which is not null.
    void set_exception(std::exception_ptr exception) {
        claim().value.set_exception(std::move(exception));
        state_.get().publish();
    }

private:
    friend struct detail::future_access;

    /// set_value() of what `call()` returns, or set_exception() of what it throws, of which nobody
    /// is told before publish().
    template <class Call>
    void keep_result_of(Call& call) {
        auto& kept = claim().value;
        try {
            if constexpr (std::is_void_v<T>) {
                call();
                kept.set_value(std::monostate());
            } else {
                kept.set_value(call());
            }
        } catch (...) {
            kept.set_exception(std::current_exception());
        }
    }
    void publish() { state_.get().publish(); }

    detail::future_state<T>& claim() {
        if (!state_.get().claim()) {
            throw std::future_error(std::future_errc::promise_already_satisfied);
        }
        return state_.get();
    }

    detail::state_holder<T> state_;
    bool given_ = false;
};

namespace detail {

/// What the fiber of an async() runs. All that it has ends before the result is there: whoever gets
/// that may end what it refers to.
template <class T, class Function>
class async_call {
public:
    async_call(promise<T>&& result, Function&& function)
        : result_(std::move(result)), function_(std::move(function)) {}

    void operator()() {
        future_access::keep_result_of(result_, *function_);
        function_.reset();
        remove_locals();
        future_access::publish(result_);
    }

    void not_started(no_stack) { result_.set_exception(std::make_exception_ptr(std::bad_alloc())); }

private:
    promise<T> result_;
    std::optional<Function> function_;
};

}  // namespace detail

/// Runs `callable(args...)` on a fiber of the runtime that runs the caller; asserts elsewhere. Its
/// result or exception is the future's, which waits for it at its end; the callable and the
/// arguments end before the result is there. Throws std::bad_alloc; so does the future if there is
/// no stack.
template <class Callable, class... Args>
auto async(Callable&& callable, Args&&... args) {
    using value = std::invoke_result_t<std::decay_t<Callable>, std::decay_t<Args>...>;
    promise<value> result;
    future<value> out = result.get_future();
    auto function = [fn = std::decay_t<Callable>(std::forward<Callable>(callable)),
                     tuple = std::tuple<std::decay_t<Args>...>(
                         std::forward<Args>(args)...)]() mutable -> value {
        return std::apply(
            [&](auto&... unpacked) -> decltype(auto) {
                return std::invoke(std::move(fn), std::move(unpacked)...);
            },
            tuple);
    };
    spawn(detail::async_call<value, decltype(function)>(std::move(result), std::move(function)))
        .detach();
    detail::future_access::join_at_end(out);
    return out;
}

/// Waits for all; their values, std::monostate for those without. Throws the exception of the first
/// in order that has one, when all are ready.
template <class... T>
auto when_all(future<T>... futures) {
    (futures.wait(), ...);
    [[maybe_unused]] const auto value =
        []<class U>(future<U>& f) -> std::conditional_t<std::is_void_v<U>, std::monostate, U> {
        if constexpr (std::is_void_v<U>) {
            f.get();
            return std::monostate();
        } else {
            return f.get();
        }
    };
    // Braces: from left to right.
    return std::tuple<std::conditional_t<std::is_void_v<T>, std::monostate, T>...>{
        value(futures)...};
}

/// Waits until one of `futures` is ready; its index. They stay valid: get() what is wanted.
/// std::errc::timed_out at `until`, std::errc::operation_canceled if what bounds the caller is
/// stopped. If several are ready: the first in order.
template <class... T>
    requires(sizeof...(T) > 0)
result<std::size_t> when_any_until(deadline until, const future<T>&... futures) {
    const std::array<detail::future_state_base*, sizeof...(T)> states{
        &detail::future_access::state(futures)...};
    std::array<detail::any_watch::node, sizeof...(T)> nodes;
    detail::any_watch watch;
    watch.begin(states, nodes);
    const result<void> waited = watch.ready.wait(until);
    return watch.end(states, nodes, waited);
}

/// As above, however long it takes.
template <class... T>
    requires(sizeof...(T) > 0)
result<std::size_t> when_any(const future<T>&... futures) {
    return when_any_until(deadline::never(), futures...);
}

namespace co {

/// Waits until there is a result. As future::wait().
template <class T>
auto wait(const future<T>& f) {
    return coro::wait_group_awaiter(detail::future_access::state(f).ready(), deadline::never());
}

/// As future::wait(deadline): a result<void>. After a success f.get() and `co_await std::move(f)`
/// return at once.
template <class T>
auto wait(const future<T>& f, deadline until) {
    return coro::bounded_group_awaiter(detail::future_access::state(f).ready(), until);
}

/// As future::wait_until: a std::future_status; a stop ends it, too.
template <class T>
auto wait_until(const future<T>& f, deadline until) {
    struct awaiter : coro::bounded_group_awaiter {
        using coro::bounded_group_awaiter::bounded_group_awaiter;
        std::future_status await_resume() noexcept {
            return coro::bounded_group_awaiter::await_resume() ? std::future_status::ready
                                                               : std::future_status::timeout;
        }
    };
    return awaiter(detail::future_access::state(f).ready(), until);
}

/// As weft::when_all.
template <class... T>
auto when_all(future<T>... futures)
    -> task<std::tuple<std::conditional_t<std::is_void_v<T>, std::monostate, T>...>> {
    // Nothing is left to wait for in the call.
    ((co_await co::wait(futures)), ...);
    co_return weft::when_all(std::move(futures)...);
}

/// As weft::when_any_until. The futures must live until then.
template <class... T>
    requires(sizeof...(T) > 0)
task<result<std::size_t>> when_any_until(deadline until, const future<T>&... futures) {
    const std::array<detail::future_state_base*, sizeof...(T)> states{
        &detail::future_access::state(futures)...};
    std::array<detail::any_watch::node, sizeof...(T)> nodes;
    detail::any_watch watch;
    watch.begin(states, nodes);
    const result<void> waited = co_await coro::bounded_group_awaiter(watch.ready, until);
    co_return watch.end(states, nodes, waited);
}

/// As weft::when_any. The futures must live until then.
template <class... T>
    requires(sizeof...(T) > 0)
task<result<std::size_t>> when_any(const future<T>&... futures) {
    return co::when_any_until(deadline::never(), futures...);
}

}  // namespace co

}  // namespace weft
