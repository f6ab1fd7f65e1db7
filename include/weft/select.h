// SPDX-License-Identifier: Apache-2.0
//
// select: waits until one of several things can be done, and does that one; after Go's. For fibers
// and plain threads (coroutines: `co_await co::select(...)`, see <weft/co_channel.h>).
//
//     const auto which = weft::select(
//         weft::on_receive(requests, [&](std::optional<request> r) { ... }),  // nothing: closed
//         weft::on_send(answers, std::move(answer), [&] { ... }),
//         weft::on_readable(peer, [&] { ... }),
//         weft::on_stop(token, [&] { ... }),
//         weft::on_deadline(5s, [&] { ... }));
//
// Exactly one case is taken: its value is sent or received, its handler called, and its index
// returned. A handler runs when nothing refers to the cases any more and outside of all locks: it
// may do what its caller may. What it throws leaves select().
//
//     on_receive    a value, or that the channel is closed and empty
//     on_send       a receiver, or room in the buffer
//     on_readable   read(), receive() or accept() would not wait: also where it would fail
//     on_writable   write() or send() would not wait for the first byte
//     on_events     events of poll(2) at a descriptor that is not weft's
//     on_end        a child process has ended: <weft/process.h>
//     on_tick       the next tick has come: <weft/ticker.h>
//     on_stop       a stop was requested
//     on_deadline   nothing else was ready until then
//     otherwise     nothing is ready now: a select with it never waits
//
// If several are ready one of them is taken, each with the same probability, whatever their order;
// on_deadline and otherwise only if no other one is. Cases of channel(nullptr) are never ready.
// Without a case that can become ready a select waits for ever, as in Go.
//
// Errors. std::errc::timed_out and std::errc::operation_canceled come from what bounds the caller
// (<weft/scope.h>), if nothing was ready by then. errc::channel_closed: on_send was taken, and the
// channel is closed (where Go panics). No handler has run then.
//
// on_send moves its value only when the case is taken. An rvalue is moved from where it is, so it
// must live until the select ends, as in the expression above it does; of an lvalue, and of small
// values that are just bytes, the case holds a copy. The channel must have a handle until then.
//
// The case of a socket or pipe counts as a call on it, in its direction, until its handler runs:
// the rule of one reader and one writer at a time holds. A handler of on_readable(listener, ...)
// must accept, and should do so with a deadline where others accept on the same listener, who may
// be quicker; the same holds for receive() and datagram sockets. Descriptors that are not weft's
// must not be closed while a select waits for them.
//
// Cost: the channels are locked together, in the order of their addresses, which are sorted by
// insertion: meant for dozens of cases, not for thousands. Each socket that may be ready costs a
// poll(2). Nothing is allocated, but on a plain thread that waits for sockets.
#pragma once

#include <concepts>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <type_traits>
#include <utility>

#include <weft/channel.h>
#include <weft/detail/readiness_case.h>
#include <weft/detail/select_case.h>
#include <weft/error.h>
#include <weft/pipe.h>
#include <weft/socket.h>
#include <weft/time.h>

namespace weft {

namespace sync {

template <class T, class Handler>
class receive_case final : public channel_case {
public:
    receive_case(channel_state* state, Handler act)
        : channel_case(case_kind::receive, state), handler_(std::move(act)) {
        set_value(slot_.address());
    }

    void run() override {
        if (!moved()) {
            handler_(std::optional<T>());
            return;
        }
        handler_(slot_.take(
            [](T&& value) { return std::optional<T>(std::in_place, std::move(value)); }));
    }

private:
    channel_slot<T> slot_;
    Handler handler_;
};

/// `Held` is T or T&.
template <class Held, class Handler>
class send_case final : public channel_case {
public:
    template <class Value>
    send_case(channel_state* state, Value& value, Handler act)
        : channel_case(case_kind::send, state), value_(value), handler_(std::move(act)) {
        set_value(std::addressof(value_));
    }

    void run() override { handler_(); }

private:
    Held value_;
    Handler handler_;
};

/// Values that a case copies rather than refers to.
template <class T>
inline constexpr bool is_small = std::is_trivially_copyable_v<T> && sizeof(T) <= 2 * sizeof(void*);

}  // namespace sync

/// `act(std::optional<T>)`: a value, or nothing if `from` is closed and empty.
template <class T, std::invocable<std::optional<T>> Handler>
[[nodiscard]] auto on_receive(const channel<T>& from, Handler act) {
    return sync::receive_case<T, Handler>(from.state(), std::move(act));
}

/// `act()`: `value` was sent. Until then it stays where it is; see the head of the file.
template <class T, std::invocable Handler = sync::no_handler>
[[nodiscard]] auto on_send(const channel<T>& to, std::type_identity_t<T>&& value,
                           Handler act = {}) {
    using held = std::conditional_t<sync::is_small<T>, T, T&>;
    return sync::send_case<held, Handler>(to.state(), value, std::move(act));
}

/// The same with a copy of `value`.
template <class T, std::invocable Handler = sync::no_handler>
    requires std::copy_constructible<T>
[[nodiscard]] auto on_send(const channel<T>& to, const std::type_identity_t<T>& value,
                           Handler act = {}) {
    return sync::send_case<T, Handler>(to.state(), value, std::move(act));
}

/// read() would not wait: something has come, the peer has ended the stream, or it would fail.
template <std::invocable Handler = sync::no_handler>
[[nodiscard]] auto on_readable(const socket& from, Handler act = {}) {
    return sync::handled<io::readiness_case, Handler>(std::move(act), from, false);
}

/// A connection waits to be accepted.
template <std::invocable Handler = sync::no_handler>
[[nodiscard]] auto on_readable(const listener& from, Handler act = {}) {
    return sync::handled<io::readiness_case, Handler>(std::move(act), from);
}

/// write() would not wait for its first byte, or would fail.
template <std::invocable Handler = sync::no_handler>
[[nodiscard]] auto on_writable(const socket& to, Handler act = {}) {
    return sync::handled<io::readiness_case, Handler>(std::move(act), to, true);
}

/// A datagram has come.
template <std::invocable Handler = sync::no_handler>
[[nodiscard]] auto on_readable(const datagram_socket& at, Handler act = {}) {
    return sync::handled<io::readiness_case, Handler>(std::move(act), at, false);
}

template <std::invocable Handler = sync::no_handler>
[[nodiscard]] auto on_writable(const datagram_socket& from, Handler act = {}) {
    return sync::handled<io::readiness_case, Handler>(std::move(act), from, true);
}

/// Of a pipe_reader, and of what else of weft's can be read or waited for: a signal_set, a
/// file_watcher.
template <std::derived_from<io::descriptor_owner> Source, std::invocable Handler = sync::no_handler>
    requires(!std::same_as<Source, pipe_writer>)
[[nodiscard]] auto on_readable(const Source& from, Handler act = {}) {
    return sync::handled<io::readiness_case, Handler>(std::move(act), from, false);
}

/// The same of a pipe.
template <std::invocable Handler = sync::no_handler>
[[nodiscard]] auto on_writable(const pipe_writer& to, Handler act = {}) {
    return sync::handled<io::readiness_case, Handler>(std::move(act), to, true);
}

/// Of a descriptor that is not weft's, as weft::wait_readable() waits for it; see <weft/poll.h>.
template <std::invocable Handler = sync::no_handler>
[[nodiscard]] auto on_readable(int fd, Handler act = {}) {
    return sync::handled<io::event_case, Handler>(std::move(act), fd, short{POLLIN});
}

template <std::invocable Handler = sync::no_handler>
[[nodiscard]] auto on_writable(int fd, Handler act = {}) {
    return sync::handled<io::event_case, Handler>(std::move(act), fd, short{POLLOUT});
}

/// As weft::poll(): `act(short)` gets those of `events` that have come, and POLLERR, POLLHUP or
/// POLLNVAL, which come unasked for.
template <std::invocable<short> Handler>
[[nodiscard]] auto on_events(int fd, short events, Handler act) {
    return sync::events_case<Handler>(fd, events, std::move(act));
}

/// A stop was requested of `token`, which may be another one than those that bound the caller.
template <std::invocable Handler = sync::no_handler>
[[nodiscard]] auto on_stop(std::stop_token token, Handler act = {}) {
    return sync::handled<sync::stop_case, Handler>(std::move(act), std::move(token));
}

/// Nothing else was ready until then. The earliest of several counts.
template <std::invocable Handler = sync::no_handler>
[[nodiscard]] auto on_deadline(deadline until, Handler act = {}) {
    return sync::handled<sync::deadline_case, Handler>(std::move(act), until);
}

/// Nothing else is ready now: the select does not wait.
template <std::invocable Handler = sync::no_handler>
[[nodiscard]] auto otherwise(Handler act = {}) {
    return sync::handled<sync::otherwise_case, Handler>(std::move(act));
}

/// Takes one of `cases`, which may be made at run time; returns its index.
inline result<std::size_t> select(std::span<select_case* const> cases) {
    const result<std::size_t> taken = sync::select_one(cases);
    if (taken) {
        cases[*taken]->run();
    }
    return taken;
}

/// Takes one of `cases`, each made in the expression or a variable that serves one select after
/// another; returns its index.
template <sync::any_case... Cases>
result<std::size_t> select(Cases&&... cases) {
    // One more, since there may be none.
    select_case* const all[sizeof...(Cases) + 1] = {std::addressof(cases)...};
    return select(std::span<select_case* const>(all, sizeof...(Cases)));
}

}  // namespace weft
