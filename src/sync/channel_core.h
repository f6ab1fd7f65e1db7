// SPDX-License-Identifier: Apache-2.0
//
// What sending and receiving are made of, for fibers and threads (channel_core.cpp), for coroutines
// (coro/async_channel.cpp) and for select (select_core.cpp).
//
// All of a channel is guarded by one lock. Who finds a peer that waits hands the value over, from
// the sender's hands into the receiver's, or through the buffer where there is one; who finds none
// stands in a queue, and whatever happens to its value is done by the one that pops its node, under
// the lock. In what order the value and the wake-up come depends on the node (see wait_queue.h):
//   single waker    popped and served under the lock, woken after it
//   others          woken under the lock, and served only if that wake-up won. The owner may run by
//                   then, but takes the lock before it looks at its node
// So a value never goes to one whose wait has ended, and whoever waits has its value when it looks.
//
// Always holds, but inside of the lock:
//   - receivers wait only while nothing is buffered and no sender waits that could be served;
//   - senders wait only while the buffer is full;
//   - of a closed channel nobody waits.
// A node whose wait is over may still stand in its queue; whoever meets it drops it.
#pragma once

#include <cstring>

#include <weft/detail/channel_state.h>

#include "sync/wait_queue.h"

namespace weft::sync {

/// Somebody's place before a channel.
struct channel_node : wait_node {
    channel_node(sched::waiter& waiter, bool only_signalled, void* place) noexcept
        : wait_node(waiter, only_signalled), value(place) {}

    void* value;  ///< what is sent, or the memory for what is received
    /// would_wait: nobody has served it yet. Else moved or closed, written by who popped it.
    channel_end end = channel_end::would_wait;
};

struct channel_core {
    // With the lock. If `woken` is set, which is null before, the caller wakes that one when it has
    // let the lock go, with preemption off all the time.

    /// moved, closed or would_wait.
    static channel_end send_now(channel_state& s, void* value, wait_node*& woken) noexcept;
    static channel_end receive_now(channel_state& s, void* to, wait_node*& woken) noexcept;

    /// Whether the above would not say would_wait, if nobody's wait has ended meanwhile.
    static bool may_send(const channel_state& s) noexcept {
        return s.closed || !looks_empty(s.receivers) || s.count < s.capacity;
    }
    static bool may_receive(const channel_state& s) noexcept {
        return s.closed || !looks_empty(s.senders) || s.count != 0;
    }

    // Without it.

    /// True: it is over, see node.end. False: the node's waiter is prepared and queued; it must
    /// park, then call finish().
    static bool send_or_queue(channel_state& s, channel_node& node) noexcept;
    static bool receive_or_queue(channel_state& s, channel_node& node) noexcept;

    /// Of a wait that ended for `reason`, which is not signalled.
    static channel_end end_of(sched::wake_reason reason) noexcept {
        return reason == sched::wake_reason::timed_out ? channel_end::timed_out
                                                       : channel_end::canceled;
    }

    /// The wait of `node` in `queue` is over for `reason`: how the call ended; nothing refers to
    /// `node` after it.
    static channel_end finish(channel_state& s, wait_queue& queue, channel_node& node,
                              sched::wake_reason reason) noexcept;
};

}  // namespace weft::sync
