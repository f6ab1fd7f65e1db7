// SPDX-License-Identifier: Apache-2.0
#include "sync/channel_core.h"

#include <limits>
#include <new>
#include <stdexcept>

#include "base/assert.h"
#include "base/error.h"
#include "sched/cancellable_wait.h"

namespace weft::sync {

namespace {

std::byte* slot(const channel_state& s, std::size_t place) noexcept {
    const std::size_t stride = s.bytes != 0 ? s.bytes : s.type->size;
    return s.buffer + place * stride;
}

void copy_bytes(void* to, const void* from, std::size_t bytes) noexcept {
    if (bytes == sizeof(std::uint64_t)) {
        std::memcpy(to, from, sizeof(std::uint64_t));  // one instruction
    } else {
        std::memcpy(to, from, bytes);
    }
}

void move_value(const channel_state& s, void* to, void* from) noexcept {
    if (s.bytes != 0) [[likely]] {
        copy_bytes(to, from, s.bytes);
    } else {
        s.type->move(to, from);
    }
}

void set_count(channel_state& s, std::uint32_t count) noexcept {
    __atomic_store_n(&s.count, count, __ATOMIC_RELAXED);
}

/// The buffer is not full.
void push_value(channel_state& s, void* value) noexcept {
    std::size_t place = std::size_t{s.first} + s.count;
    if (place >= s.capacity) {
        place -= s.capacity;
    }
    move_value(s, slot(s, place), value);
    set_count(s, s.count + 1);
}

/// It is not empty.
void pop_value(channel_state& s, void* to) noexcept {
    std::byte* const from = slot(s, s.first);
    if (s.bytes != 0) [[likely]] {
        copy_bytes(to, from, s.bytes);
    } else {
        s.type->relocate(to, from);
    }
    s.first = s.first + 1 == s.capacity ? 0 : s.first + 1;
    set_count(s, s.count - 1);
}

/// As pop_waiting(), of which it is the part that is not common.
[[gnu::noinline]] channel_node* pop_claimed(wait_queue& queue, wait_node*& woken) noexcept {
    while (wait_node* const node = pop_front(queue)) {
        if (node->single_waker) {
            woken = node;
            return static_cast<channel_node*>(node);
        }
        if (node->who->wake_without_preemption()) {
            return static_cast<channel_node*>(node);
        }
    }
    return nullptr;
}

/// The first node of `queue` whose wait is not over, taken out of it, for the caller to serve and,
/// if `woken` was set to it, to wake. Null: there is none.
[[gnu::always_inline]] inline channel_node* pop_waiting(wait_queue& queue,
                                                        wait_node*& woken) noexcept {
    wait_node* const first = queue.head;
    if (first == nullptr) {
        return nullptr;
    }
    if (!first->single_waker) [[unlikely]] {
        return pop_claimed(queue, woken);
    }
    remove(queue, *first);
    woken = first;
    return static_cast<channel_node*>(first);
}

/// Waits for what bounds the caller only.
channel_end wait_for_nothing(deadline until) noexcept {
    sched::cancellable_wait wait(until);
    wait.who.prepare();
    return channel_core::end_of(wait.park());
}

/// A fiber or thread in a queue.
struct place {
    place(deadline until, void* value) noexcept
        : wait(until), node(wait.who, wait.has_single_waker(), value) {}

    sched::cancellable_wait wait;
    channel_node node;
};

[[gnu::always_inline]] inline channel_end send_inline(channel_state& s, void* value,
                                                      wait_node*& woken) noexcept {
    if (s.closed) [[unlikely]] {
        return channel_end::closed;
    }
    if (channel_node* const peer = pop_waiting(s.receivers, woken)) {
        move_value(s, peer->value, value);
        peer->end = channel_end::moved;
        return channel_end::moved;
    }
    if (s.count < s.capacity) {
        push_value(s, value);
        return channel_end::moved;
    }
    return channel_end::would_wait;
}

[[gnu::always_inline]] inline channel_end receive_inline(channel_state& s, void* to,
                                                         wait_node*& woken) noexcept {
    if (s.count != 0) {
        pop_value(s, to);
        if (channel_node* const peer = pop_waiting(s.senders, woken)) {
            push_value(s, peer->value);
            peer->end = channel_end::moved;
        }
        return channel_end::moved;
    }
    if (channel_node* const peer = pop_waiting(s.senders, woken)) {
        move_value(s, to, peer->value);
        peer->end = channel_end::moved;
        return channel_end::moved;
    }
    return s.closed ? channel_end::closed : channel_end::would_wait;
}

using attempt = channel_end (*)(channel_state& s, void* value, wait_node*& woken) noexcept;

/// One attempt under the lock; what it left to be woken is woken after that. If it would have to
/// wait, `queue()` is called under the lock.
template <attempt Attempt, class Queue>
[[gnu::always_inline]] inline channel_end attempt_or(channel_state& s, void* value,
                                                     Queue queue) noexcept {
    wait_node* woken = nullptr;
    queue_guard guard(s.receivers);
    const channel_end end = Attempt(s, value, woken);
    if (end == channel_end::would_wait) {
        queue();
        return end;
    }
    guard.unlock();
    if (woken != nullptr) {
        woken->who->wake_without_preemption();  // off since it was popped: nobody else can wake it
    }
    return end;
}

/// Whether it is over; if not, `node` stands in `queue`.
template <attempt Attempt>
bool attempt_or_queue(channel_state& s, wait_queue& queue, channel_node& node) noexcept {
    const channel_end end = attempt_or<Attempt>(s, node.value, [&] {
        node.who->prepare();
        push_back(queue, node);
    });
    if (end == channel_end::would_wait) {
        return false;  // the node is a waker's by now
    }
    node.end = end;
    return true;
}

}  // namespace

channel_end channel_core::send_now(channel_state& s, void* value, wait_node*& woken) noexcept {
    return send_inline(s, value, woken);
}

channel_end channel_core::receive_now(channel_state& s, void* to, wait_node*& woken) noexcept {
    return receive_inline(s, to, woken);
}

bool channel_core::send_or_queue(channel_state& s, channel_node& node) noexcept {
    return attempt_or_queue<&send_inline>(s, s.senders, node);
}

bool channel_core::receive_or_queue(channel_state& s, channel_node& node) noexcept {
    return attempt_or_queue<&receive_inline>(s, s.receivers, node);
}

channel_end channel_core::finish(channel_state& s, wait_queue& queue, channel_node& node,
                                 sched::wake_reason reason) noexcept {
    if (!node.single_waker) {
        const queue_guard guard(s.receivers);
        if (node.queued) {
            remove(queue, node);
        }
    }
    return reason == sched::wake_reason::signalled ? node.end : end_of(reason);
}

namespace {

template <attempt Attempt, wait_queue channel_state::* Queue>
[[gnu::always_inline]] inline channel_end transfer(channel_state* state, void* value,
                                                   deadline until) noexcept {
    if (state == nullptr) [[unlikely]] {
        return wait_for_nothing(until);
    }
    channel_state& s = *state;
    alignas(place) std::byte memory[sizeof(place)];  // left alone by a call that need not wait
    place* mine = nullptr;
    const channel_end end = attempt_or<Attempt>(s, value, [&] {
        mine = ::new (memory) place(until, value);
        mine->wait.who.prepare();
        push_back(s.*Queue, mine->node);
    });
    if (end != channel_end::would_wait) {
        return end;
    }
    const sched::wake_reason reason = mine->wait.park();
    if (mine->node.single_waker) [[likely]] {
        return mine->node.end;
    }
    return channel_core::finish(s, s.*Queue, mine->node, reason);
}

}  // namespace

channel_end channel_send(channel_state* state, void* value, deadline until) noexcept {
    return transfer<&send_inline, &channel_state::senders>(state, value, until);
}

channel_end channel_receive(channel_state* state, void* to, deadline until) noexcept {
    return transfer<&receive_inline, &channel_state::receivers>(state, to, until);
}

channel_end channel_try_send(channel_state* state, void* value) noexcept {
    return state != nullptr ? attempt_or<&send_inline>(*state, value, [] {})
                            : channel_end::would_wait;
}

channel_end channel_try_receive(channel_state* state, void* to) noexcept {
    return state != nullptr ? attempt_or<&receive_inline>(*state, to, [] {})
                            : channel_end::would_wait;
}

namespace {

void end_waits(wait_queue& queue, wake_list& woken) noexcept {
    while (wait_node* const node = pop_front(queue)) {
        if (node->single_waker) {
            static_cast<channel_node*>(node)->end = channel_end::closed;
            woken.add(*node);
        } else if (woken.add(*node)) {
            static_cast<channel_node*>(node)->end = channel_end::closed;
        }
    }
}

}  // namespace

bool channel_close(channel_state* state) noexcept {
    WEFT_ASSERT(state != nullptr, "close() of channel(nullptr)");
    wake_list woken;  // wakes when the lock is let go
    const queue_guard guard(state->receivers);
    if (state->closed) {
        return false;
    }
    __atomic_store_n(&state->closed, true, __ATOMIC_RELEASE);
    end_waits(state->receivers, woken);
    end_waits(state->senders, woken);
    return true;
}

channel_state* channel_create(std::size_t capacity, const channel_type& type) {
    const std::size_t align = std::max(type.align, alignof(channel_state));
    // The state, then the buffer at the next multiple of its alignment.
    const std::size_t offset = (sizeof(channel_state) + align - 1) / align * align;
    constexpr std::size_t most_bytes = std::numeric_limits<std::ptrdiff_t>::max();
    if (capacity > std::numeric_limits<std::uint32_t>::max() ||
        type.size > std::numeric_limits<std::uint32_t>::max() ||
        capacity > (most_bytes - offset) / type.size) {
        throw std::length_error("weft::channel: the buffer would be larger than all memory");
    }
    void* const memory = ::operator new(offset + capacity * type.size, std::align_val_t(align));
    return ::new (memory) channel_state{.receivers = {},
                                        .senders = {},
                                        .buffer = static_cast<std::byte*>(memory) + offset,
                                        .first = 0,
                                        .count = 0,
                                        .capacity = static_cast<std::uint32_t>(capacity),
                                        .bytes = static_cast<std::uint32_t>(type.bytes),
                                        .closed = false,
                                        .handles = 1,
                                        .type = &type};
}

void channel_destroy(channel_state& s) noexcept {
    WEFT_ASSERT(looks_empty(s.receivers) && looks_empty(s.senders),
                "the last handle of a channel ends while somebody waits for it");
    if (s.bytes == 0) {
        for (std::uint32_t i = 0; i < s.count; ++i) {
            s.type->destroy(slot(s, (std::size_t{s.first} + i) % s.capacity));
        }
    }
    const std::align_val_t align{std::max(s.type->align, alignof(channel_state))};
    ::operator delete(&s, align);
}

namespace {

std::error_code code_of(channel_end end) noexcept {
    switch (end) {
        case channel_end::closed:
            return errc::channel_closed;
        case channel_end::timed_out:
            return std::make_error_code(std::errc::timed_out);
        case channel_end::canceled:
            return std::make_error_code(std::errc::operation_canceled);
        case channel_end::would_wait:
            return std::make_error_code(std::errc::operation_would_block);
        case channel_end::moved:
            break;
    }
    return {};
}

}  // namespace

error error_of(channel_end end, const char* operation) noexcept {
    return {code_of(end), operation};
}

}  // namespace weft::sync
