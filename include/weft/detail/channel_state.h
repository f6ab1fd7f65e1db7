// SPDX-License-Identifier: Apache-2.0
//
// What a channel is, whatever its values are. Not an API: <weft/channel.h>, <weft/select.h> and
// <weft/co_channel.h> are made of this; the code is in src/sync/channel_core.cpp.
//
// Plain words and compiler builtins, as in detail/wait_queue.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <weft/detail/wait_queue.h>
#include <weft/error.h>
#include <weft/time.h>

namespace weft::sync {

/// How the values of a channel are moved and destroyed, where that is more than copying bytes.
struct channel_type {
    std::size_t size;
    std::size_t align;
    /// Of a value whose bytes are copied; else 0, and the functions say how.
    std::size_t bytes;
    void (*move)(void* to, void* from) noexcept;      ///< `from` stays, moved from
    void (*relocate)(void* to, void* from) noexcept;  ///< `from` is destroyed
    void (*destroy)(void* value) noexcept;
};

/// How a call on a channel ended.
enum class channel_end : std::uint8_t {
    moved,       ///< a value went over
    closed,      ///< and for a receiver: nothing is left in it
    would_wait,  ///< of a call that does not wait
    timed_out,
    canceled,  ///< a stop was requested of what bounds the caller
};

/// One block of memory with the buffer behind it, owned by all handles together.
struct alignas(64) channel_state {
    wait_queue receivers;  ///< its lock guards all of the state
    wait_queue senders;    ///< its own lock is not used
    std::byte* buffer;
    std::uint32_t first;  ///< where the value lies that is received next
    std::uint32_t count;  ///< of buffered values; written by atomic stores, see size()
    std::uint32_t capacity;
    std::uint32_t bytes;  ///< see channel_type
    bool closed;          ///< as count

    alignas(64) std::uint32_t handles;
    const channel_type* type;
};

/// With one handle. Throws std::bad_alloc, or std::length_error for a buffer beyond all memory.
channel_state* channel_create(std::size_t capacity, const channel_type& type);

/// The last handle has gone: destroys the values that are left.
void channel_destroy(channel_state& state) noexcept;

// `state` may be null: a channel on which nothing ever happens. `value` is moved from, or `to`
// holds a value, if and only if the result is channel_end::moved.
channel_end channel_send(channel_state* state, void* value, deadline until) noexcept;
channel_end channel_receive(channel_state* state, void* to, deadline until) noexcept;
channel_end channel_try_send(channel_state* state, void* value) noexcept;
channel_end channel_try_receive(channel_state* state, void* to) noexcept;

/// False: it was closed already.
bool channel_close(channel_state* state) noexcept;

/// Of an end that is not channel_end::moved, of the call `operation`.
error error_of(channel_end end, const char* operation) noexcept;

template <class T>
inline constexpr channel_type channel_type_of{
    .size = sizeof(T),
    .align = alignof(T),
    .bytes = std::is_trivially_copyable_v<T> ? sizeof(T) : 0,
    .move = [](void* to,
               void* from) noexcept { ::new (to) T(static_cast<T&&>(*static_cast<T*>(from))); },
    .relocate =
        [](void* to, void* from) noexcept {
            T* const source = static_cast<T*>(from);
            ::new (to) T(static_cast<T&&>(*source));
            source->~T();
        },
    .destroy = [](void* value) noexcept { static_cast<T*>(value)->~T(); },
};

/// Room for a value that may come.
template <class T>
class channel_slot {
public:
    channel_slot() noexcept {}  // NOLINT(modernize-use-equals-default): leaves the bytes alone
    channel_slot(const channel_slot&) = delete;
    channel_slot& operator=(const channel_slot&) = delete;

    [[nodiscard]] void* address() noexcept { return bytes_; }

    /// Hands the value that has come to `use`, as an rvalue, and ends its life. Once.
    template <class Use>
    decltype(auto) take(Use&& use) {
        struct at_end {
            T& value;
            ~at_end() { value.~T(); }
        } const guard{*std::launder(reinterpret_cast<T*>(bytes_))};
        return static_cast<Use&&>(use)(static_cast<T&&>(guard.value));
    }

private:
    alignas(T) std::byte bytes_[sizeof(T)];
};

/// One of the handles of a channel, or of none.
class channel_handle {
public:
    constexpr channel_handle() noexcept = default;
    explicit channel_handle(channel_state* owned) noexcept : state_(owned) {}
    channel_handle(const channel_handle& other) noexcept : state_(other.state_) {
        if (state_ != nullptr) {
            __atomic_fetch_add(&state_->handles, 1, __ATOMIC_RELAXED);
        }
    }
    channel_handle(channel_handle&& other) noexcept : state_(other.state_) {
        other.state_ = nullptr;
    }
    channel_handle& operator=(channel_handle other) noexcept {
        channel_state* const mine = state_;
        state_ = other.state_;
        other.state_ = mine;
        return *this;
    }
    ~channel_handle() {
        if (state_ != nullptr && __atomic_fetch_sub(&state_->handles, 1, __ATOMIC_ACQ_REL) == 1) {
            channel_destroy(*state_);
        }
    }

    [[nodiscard]] channel_state* get() const noexcept { return state_; }

private:
    channel_state* state_ = nullptr;
};

}  // namespace weft::sync
