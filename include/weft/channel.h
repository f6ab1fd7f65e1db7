// SPDX-License-Identifier: Apache-2.0
//
// channel: a queue of values with a bound, between fibers, plain threads and coroutines
// (`co_await co::send(c, v)`, `co_await co::receive(c)`, see <weft/co_channel.h>), all on the same
// channel at once. After Go's, and with its rules where nothing else is said here.
//
//     weft::channel<job> jobs(16);
//     weft::fiber worker = weft::spawn([jobs] {  // a copy shares the channel
//         for (job each : jobs) {                // until it is closed and empty
//             run(each);
//         }
//     });
//     jobs.send(job("a"));
//     jobs.close();
//
// A channel object is a handle, as std::shared_ptr is: a copy refers to the same channel, which
// ends with its last handle, and the values that are in it with it; a handle that is const still
// sends and receives. A handle may be used by several at once as long as nobody assigns to it.
//
// Capacity 0, which is the default: a sender waits until a receiver takes the value from it. More:
// a sender waits while so many values lie in the channel. Values arrive in the order in which they
// were sent. Waiters are served first come, first served; who waits is handed the value, so that
// nobody can come between.
//
// channel(nullptr) is no channel: sending and receiving wait for ever there, and a select never
// takes such a case.
//
// Waiting. What bounds the caller (<weft/scope.h>) ends all waits, and a call that need not wait
// succeeds even then. A value that was not sent stays with the caller, and none that was sent is
// lost but by ending the channel.
//
// Values: any type that moves without throwing. The move constructor, and the destructor of what
// was moved out of the buffer, run under the channel's lock with preemption off: they must not
// block, allocate, or use a channel. A value is otherwise destroyed outside of all locks. Bytes are
// copied where the type allows it.
//
// Cost, where nobody waits: send() and receive() are one atomic exchange and a copy each. From one
// fiber to another on one worker of a virtual machine a value costs 20 to 30 ns through a buffer of
// 128 and 60 to 70 without one, the switches included (bench/weft/channels.cpp). Memory: 128 bytes
// and the buffer, allocated once.
//
// What differs from Go: sending to a closed channel, and closing it twice, are no panic but are
// reported; and receivers learn from the optional, not from a second value, that it is closed.
#pragma once

#include <concepts>
#include <cstddef>
#include <iterator>
#include <new>
#include <optional>
#include <type_traits>
#include <utility>

#include <weft/detail/channel_state.h>
#include <weft/error.h>
#include <weft/time.h>

namespace weft {

/// See the head of the file. All calls may be made by any fiber or plain thread at any time.
template <class T>
class channel {
    static_assert(std::is_object_v<T> && !std::is_array_v<T> &&
                      std::is_same_v<T, std::remove_cv_t<T>>,
                  "weft::channel<T>: T must be an object type that is neither const nor an array");
    static_assert(std::is_nothrow_move_constructible_v<T> && std::is_nothrow_destructible_v<T>,
                  "weft::channel<T>: T must move without throwing (a noexcept move constructor): "
                  "a value on its way between two fibers has nobody to report to; send a "
                  "std::unique_ptr<T> instead");

public:
    using value_type = T;

    /// Throws std::bad_alloc, or std::length_error where the buffer would be larger than all
    /// memory.
    explicit channel(std::size_t capacity = 0)
        : handle_(sync::channel_create(capacity, sync::channel_type_of<T>)) {}

    /// No channel. A template, so that channel(0) is one of capacity 0.
    template <std::same_as<std::nullptr_t> Null>
    channel(Null /*unused*/) noexcept {}  // NOLINT(google-explicit-constructor)

    /// Waits until a receiver or the buffer has it. errc::channel_closed: it is closed or was
    /// closed meanwhile; std::errc::timed_out; std::errc::operation_canceled. `value` is moved from
    /// on success only.
    result<void> send(T&& value, deadline until = {}) const {
        return to_result(sync::channel_send(handle_.get(), std::addressof(value), until));
    }

    /// Sends a copy, which is made before anything else.
    result<void> send(const T& value, deadline until = {}) const
        requires std::copy_constructible<T>
    {
        return send(T(value), until);
    }

    /// As send(), but reports std::errc::operation_would_block instead of waiting.
    result<void> try_send(T&& value) const {
        return to_result(sync::channel_try_send(handle_.get(), std::addressof(value)));
    }

    /// The same with a copy of `value`, which is made before anything else.
    result<void> try_send(const T& value) const
        requires std::copy_constructible<T>
    {
        return try_send(T(value));
    }

    /// The next value; waits until there is one. Nothing: the channel is closed and empty, or what
    /// bounds the caller has ended the wait, so that a loop ends in both cases. Who must tell them
    /// apart uses receive(deadline).
    std::optional<T> receive() const {
        sync::channel_slot<T> slot;
        const auto end = sync::channel_receive(handle_.get(), slot.address(), deadline::never());
        if (end != sync::channel_end::moved) [[unlikely]] {
            return std::nullopt;
        }
        return slot.take(
            [](T&& value) { return std::optional<T>(std::in_place, std::move(value)); });
    }

    /// The next value. errc::channel_closed: it is closed and empty; std::errc::timed_out;
    /// std::errc::operation_canceled.
    result<T> receive(deadline until) const {
        sync::channel_slot<T> slot;
        return to_result(slot, sync::channel_receive(handle_.get(), slot.address(), until));
    }

    /// As receive(deadline), but reports std::errc::operation_would_block instead of waiting.
    result<T> try_receive() const {
        sync::channel_slot<T> slot;
        return to_result(slot, sync::channel_try_receive(handle_.get(), slot.address()));
    }

    /// Nothing can be sent any more; what is in it can be received. Wakes all that wait. True for
    /// the call that closed it, false if it was closed already. Aborts on channel(nullptr).
    bool close() const { return sync::channel_close(handle_.get()); }

    /// How many values are in it now.
    [[nodiscard]] std::size_t size() const noexcept {
        return handle_.get() != nullptr ? __atomic_load_n(&handle_.get()->count, __ATOMIC_RELAXED)
                                        : 0;
    }

    /// How many values it holds at most; 0: none, or channel(nullptr). Any thread, at any time, as
    /// size() and is_closed().
    [[nodiscard]] std::size_t capacity() const noexcept {
        return handle_.get() != nullptr ? handle_.get()->capacity : 0;
    }

    /// Whether nothing can be sent any more. There may still be values in it.
    [[nodiscard]] bool is_closed() const noexcept {
        return handle_.get() != nullptr &&
               __atomic_load_n(&handle_.get()->closed, __ATOMIC_ACQUIRE);
    }

    /// Whether it is a channel.
    [[nodiscard]] explicit operator bool() const noexcept { return handle_.get() != nullptr; }

    /// Whether both are the same channel.
    friend bool operator==(const channel& a, const channel& b) noexcept {
        return a.handle_.get() == b.handle_.get();
    }

    /// Receives: an input iterator, whose values are moved out.
    class iterator {
    public:
        using value_type = T;
        using difference_type = std::ptrdiff_t;

        /// At the end.
        iterator() noexcept = default;

        /// The value that was received last, to be moved from. Not at the end.
        T&& operator*() const noexcept { return std::move(*value_); }
        /// Waits for the next value, as receive(). At the end afterwards: it is closed and empty,
        /// or the wait was ended.
        iterator& operator++() {
            value_.reset();  // not kept while it waits for the next one
            if (std::optional<T> next = from_->receive()) {
                value_.emplace(*std::move(next));
            }
            return *this;
        }
        /// The same; there is no copy of an input iterator to return.
        void operator++(int) { ++*this; }
        friend bool operator==(const iterator& i, std::default_sentinel_t) noexcept {
            return !i.value_;
        }

    private:
        friend class channel;
        explicit iterator(const channel& from) : from_(&from), value_(from.receive()) {}

        const channel* from_ = nullptr;
        mutable std::optional<T> value_;
    };

    /// Receives the first one: `for (T each : c)` ends as receive() does. The handle must outlive
    /// the loop.
    iterator begin() const { return iterator(*this); }
    /// What an iterator is equal to when the loop ends.
    std::default_sentinel_t end() const noexcept { return std::default_sentinel; }

    /// For the library's own use.
    [[nodiscard]] sync::channel_state* state() const noexcept { return handle_.get(); }

private:
    static result<void> to_result(sync::channel_end end) {
        if (end != sync::channel_end::moved) [[unlikely]] {
            return std::unexpected(sync::error_of(end, "send"));
        }
        return {};
    }

    static result<T> to_result(sync::channel_slot<T>& slot, sync::channel_end end) {
        if (end != sync::channel_end::moved) [[unlikely]] {
            return std::unexpected(sync::error_of(end, "receive"));
        }
        return slot.take([](T&& value) { return result<T>(std::in_place, std::move(value)); });
    }

    sync::channel_handle handle_;
};

}  // namespace weft
