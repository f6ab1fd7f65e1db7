// SPDX-License-Identifier: Apache-2.0
//
// Channels and select for coroutines; included by <weft/co.h>, whose head says how these are used.
//
//     while (auto next = co_await weft::co::receive(jobs)) { ... }
//     const auto sent = co_await weft::co::send(answers, std::move(answer), 5s);
//     const auto which = co_await weft::co::select(
//         weft::on_receive(jobs, [&](std::optional<job> next) { ... }),
//         weft::on_stop(token));
//
// (In a coroutine without a variable g++ 12 needs the first one otherwise; see <weft/task.h>.)
#pragma once

#include <concepts>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>

#include <weft/channel.h>
#include <weft/error.h>
#include <weft/select.h>
#include <weft/task.h>
#include <weft/time.h>

namespace weft {

namespace coro {

enum class channel_call : std::uint8_t { send, receive };

/// What both calls share; src/coro/async_channel.cpp.
template <channel_call Call>
class channel_awaiter {
public:
    [[nodiscard]] bool await_ready() noexcept;
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> coroutine) noexcept {
        return start(coroutine, bounds_of(coroutine));
    }

protected:
    channel_awaiter(sync::channel_state* state, deadline until) noexcept
        : state_(state), until_(until) {}

    /// What is sent, or the memory for what is received. By the constructor.
    void set_value(void* value) noexcept { value_ = value; }

    [[nodiscard]] sync::channel_end end() const noexcept { return end_; }

private:
    class operation;

    bool start(std::coroutine_handle<> coroutine, const sched::cancel_bounds* bounds) noexcept;

    sync::channel_state* state_;
    void* value_ = nullptr;
    deadline until_;
    sync::channel_end end_ = sync::channel_end::would_wait;
    suspension<176> suspension_;
};

/// `Held` is T or T&.
template <class Held>
class [[nodiscard]] send_awaiter : public channel_awaiter<channel_call::send> {
public:
    template <class Value>
    send_awaiter(sync::channel_state* state, Value& value, deadline until)
        : channel_awaiter(state, until), value_(value) {
        set_value(std::addressof(value_));
    }
    send_awaiter(const send_awaiter&) = delete;
    send_awaiter& operator=(const send_awaiter&) = delete;

    result<void> await_resume() {
        if (end() != sync::channel_end::moved) [[unlikely]] {
            return std::unexpected(sync::error_of(end(), "send"));
        }
        return {};
    }

private:
    Held value_;
};

/// `Result` is std::optional<T> or result<T>.
template <class T, class Result>
class [[nodiscard]] receive_awaiter : public channel_awaiter<channel_call::receive> {
    static_assert(
        alignof(T) <= __STDCPP_DEFAULT_NEW_ALIGNMENT__,
        "weft::co::receive: a coroutine's frame is aligned like memory from operator new; "
        "send a std::unique_ptr<T> instead");

public:
    receive_awaiter(sync::channel_state* state, deadline until) noexcept
        : channel_awaiter(state, until) {
        set_value(slot_.address());
    }
    receive_awaiter(const receive_awaiter&) = delete;
    receive_awaiter& operator=(const receive_awaiter&) = delete;

    Result await_resume() {
        if (end() == sync::channel_end::moved) [[likely]] {
            return slot_.take([](T&& value) { return Result(std::in_place, std::move(value)); });
        }
        if constexpr (std::same_as<Result, result<T>>) {
            return std::unexpected(sync::error_of(end(), "receive"));
        } else {
            return std::nullopt;
        }
    }

private:
    sync::channel_slot<T> slot_;
};

/// What does not depend on the cases.
class select_operation_space {
protected:
    bool start(std::span<select_case* const> cases, std::coroutine_handle<> coroutine,
               const sched::cancel_bounds* bounds) noexcept;
    [[nodiscard]] result<std::size_t> outcome() noexcept;

private:
    suspension<232> suspension_;
};

class [[nodiscard]] select_span_awaiter : select_operation_space {
public:
    explicit select_span_awaiter(std::span<select_case* const> cases) noexcept : cases_(cases) {}
    select_span_awaiter(const select_span_awaiter&) = delete;
    select_span_awaiter& operator=(const select_span_awaiter&) = delete;

    [[nodiscard]] bool await_ready() const noexcept { return false; }
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> coroutine) noexcept {
        return start(cases_, coroutine, bounds_of(coroutine));
    }
    result<std::size_t> await_resume() {
        const result<std::size_t> taken = outcome();
        if (taken) {
            cases_[*taken]->run();
        }
        return taken;
    }

private:
    std::span<select_case* const> cases_;
};

template <std::size_t Count>
struct select_cases {
    select_case* all[Count + 1];  // one more, since there may be none
};

template <std::size_t Count>
class [[nodiscard]] select_awaiter : select_cases<Count>, public select_span_awaiter {
public:
    explicit select_awaiter(select_cases<Count> cases) noexcept
        : select_cases<Count>(cases), select_span_awaiter({this->all, Count}) {}
};

}  // namespace coro

namespace co {

/// As channel::send: `value` is moved from on success only.
template <class T>
auto send(const channel<T>& to, std::type_identity_t<T>&& value, deadline until = {}) {
    using held = std::conditional_t<sync::is_small<T>, T, T&>;
    return coro::send_awaiter<held>(to.state(), value, until);
}

/// The same with a copy of `value`.
template <class T>
    requires std::copy_constructible<T>
auto send(const channel<T>& to, const std::type_identity_t<T>& value, deadline until = {}) {
    return coro::send_awaiter<T>(to.state(), value, until);
}

/// As channel::receive(): nothing if the channel is closed and empty, or what bounds the caller has
/// ended the wait.
template <class T>
auto receive(const channel<T>& from) noexcept {
    return coro::receive_awaiter<T, std::optional<T>>(from.state(), deadline::never());
}

/// As channel::receive(until).
template <class T>
auto receive(const channel<T>& from, deadline until) noexcept {
    return coro::receive_awaiter<T, result<T>>(from.state(), until);
}

/// As weft::select. Handlers run in the coroutine and must not block.
inline auto select(std::span<select_case* const> cases) noexcept {
    return coro::select_span_awaiter(cases);
}

/// The same; the cases live in the expression, `co_await` which at once, or in variables. The
/// result is the index of the one that was taken.
template <sync::any_case... Cases>
auto select(Cases&&... cases) noexcept {
    constexpr std::size_t count = sizeof...(Cases);
    return coro::select_awaiter<count>(coro::select_cases<count>{{std::addressof(cases)...}});
}

}  // namespace co

}  // namespace weft
