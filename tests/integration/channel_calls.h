// SPDX-License-Identifier: Apache-2.0
//
// For tests of channels and select that are to hold whoever calls: a fiber, a plain thread, a
// coroutine. A test is plain code with a `calls` in it; where that is a coroutine's, each call is
// made by a coroutine of its own, for which the test waits.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <optional>
#include <ostream>
#include <span>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <weft/co.h>
#include <weft/runtime.h>
#include <weft/scope.h>

#include "support.h"

namespace weft::testing {

enum class caller : std::uint8_t { fiber, thread, coroutine };

inline constexpr std::array all_callers{caller::fiber, caller::thread, caller::coroutine};

inline void PrintTo(caller kind, std::ostream* out) {
    *out << (kind == caller::fiber ? "fiber" : kind == caller::thread ? "thread" : "coroutine");
}

/// What bounds calls beside their own deadline.
struct bound {
    std::stop_token stop = {};
    deadline until = {};
};

namespace calls_detail {

template <class T>
task<result<void>> send(const channel<T>& to, T& value, deadline until) {
    auto sent = co_await co::send(to, std::move(value), until);
    co_return sent;
}

template <class T>
task<std::optional<T>> receive(const channel<T>& from) {
    auto received = co_await co::receive(from);
    co_return received;
}

template <class T>
task<result<T>> receive_until(const channel<T>& from, deadline until) {
    auto received = co_await co::receive(from, until);
    co_return received;
}

inline task<result<std::size_t>> select(std::span<select_case* const> cases) {
    const auto taken = co_await co::select(cases);
    co_return taken;
}

}  // namespace calls_detail

/// Calls as one kind of caller makes them.
class calls {
public:
    calls(runtime& home, caller kind) noexcept : home_(&home), kind_(kind) {}

    /// The same, bounded.
    [[nodiscard]] calls within(bound by) const {
        calls bounded(*this);
        bounded.bound_ = std::move(by);
        bounded.is_bounded_ = true;
        return bounded;
    }

    template <class T>
    result<void> send(const channel<T>& to, T&& value, deadline until = {}) const {
        return call([&] { return calls_detail::send(to, value, until); },
                    [&] { return to.send(std::move(value), until); });
    }

    template <class T>
    std::optional<T> receive(const channel<T>& from) const {
        return call([&] { return calls_detail::receive(from); }, [&] { return from.receive(); });
    }

    template <class T>
    result<T> receive(const channel<T>& from, deadline until) const {
        return call([&] { return calls_detail::receive_until(from, until); },
                    [&] { return from.receive(until); });
    }

    template <class... Cases>
    result<std::size_t> select(Cases&&... cases) const {
        const std::array<select_case*, sizeof...(Cases)> all{std::addressof(cases)...};
        return call([&] { return calls_detail::select(all); },
                    [&] { return weft::select(std::span<select_case* const>(all)); });
    }

private:
    template <class Awaited, class Blocking>
    auto call(Awaited awaited, Blocking blocking) const {
        if (kind_ != caller::coroutine) {
            if (!is_bounded_) {
                return blocking();
            }
            return with_stop_token(bound_.stop,
                                   [&] { return with_deadline(bound_.until, blocking); });
        }
        if (!is_bounded_) {
            return home_->spawn(awaited()).join();
        }
        return home_
            ->spawn(co::with_stop_token(bound_.stop, co::with_deadline(bound_.until, awaited())))
            .join();
    }

    runtime* home_;
    caller kind_;
    bool is_bounded_ = false;
    bound bound_;
};

/// Somebody who calls beside the test. Joined at the end.
class party {
public:
    template <class Body>
    party(runtime& home, caller kind, Body body)
        : actor_(home, kind == caller::fiber ? actor_kind::fiber : actor_kind::thread,
                 [body = std::move(body), mine = calls(home, kind)]() mutable { body(mine); }) {}

    void join() { actor_.join(); }

private:
    actor actor_;
};

/// Runs `body(calls)` to its end, from a plain thread.
template <class Body>
void as(runtime& home, caller kind, Body body) {
    party(home, kind, std::move(body)).join();
}

namespace calls_detail {

/// The first words of a sync::wait_node, which is private: what a ring of them looks like.
struct ring {
    ring* next;
};

/// Under the lock. From a plain thread only: a fiber would be preempted with the lock held.
inline std::size_t length_of(sync::channel_state& state, const sync::wait_queue& queue) {
    while (__atomic_exchange_n(&state.receivers.lock, 1u, __ATOMIC_ACQUIRE) != 0) {
        std::this_thread::yield();
    }
    std::size_t length = 0;
    if (const auto* const head = reinterpret_cast<const ring*>(queue.head)) {
        const ring* each = head;
        do {
            ++length;
            each = each->next;
        } while (each != head);
    }
    __atomic_store_n(&state.receivers.lock, 0u, __ATOMIC_RELEASE);
    return length;
}

}  // namespace calls_detail

/// How many wait to send to, or to receive from, a channel: the queues themselves tell. From a
/// plain thread.
template <class T>
std::size_t senders_waiting(const channel<T>& c) {
    return calls_detail::length_of(*c.state(), c.state()->senders);
}

template <class T>
std::size_t receivers_waiting(const channel<T>& c) {
    return calls_detail::length_of(*c.state(), c.state()->receivers);
}

template <class T>
bool until_senders_wait(const channel<T>& c, std::size_t count = 1) {
    return eventually([&] { return senders_waiting(c) == count; });
}

template <class T>
bool until_receivers_wait(const channel<T>& c, std::size_t count = 1) {
    return eventually([&] { return receivers_waiting(c) == count; });
}

}  // namespace weft::testing
