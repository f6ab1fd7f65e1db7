// SPDX-License-Identifier: Apache-2.0
//
// A wait of a fiber or plain thread in the queue of an object, when one wake-up decides. Coroutines
// have coro/queue_operation.h, by the same rules:
//
//     Core::operation                      what a failure of it names
//     Core::ready_or_queue(object, node)   true: need not wait. False: the node's waiter is
//     prepared
//                                          and queued; it must park, then call finish()
//     Core::finish(object, node, reason)   the wait is over for `reason`. Whether it got what it
//                                          waited for; nothing refers to `node` after it
#pragma once

#include <system_error>

#include <weft/error.h>
#include <weft/time.h>

#include "base/error.h"
#include "sched/cancellable_wait.h"
#include "sync/wait_queue.h"

namespace weft::sync {

/// The end of a wait that did not get what it waited for, as a call reports it.
inline std::unexpected<error> failure(sched::wake_reason reason, const char* operation) noexcept {
    return base::fail(reason == sched::wake_reason::cancelled ? std::errc::operation_canceled
                                                              : std::errc::timed_out,
                      operation);
}

/// As long as it takes. `tag` is the object's own: see wait_node.
template <class Core, class Object>
void wait_unbounded(Object& object, std::uint8_t tag = 0) noexcept {
    wait_node node(sched::this_waiter(), true, tag);
    if (!Core::ready_or_queue(object, node)) {
        const auto reason = node.who->park();
        Core::finish(object, node, reason);
    }
}

/// Until the deadline, or what bounds the caller, ends it.
template <class Core, class Object>
result<void> wait_bounded(Object& object, deadline until, std::uint8_t tag = 0) noexcept {
    sched::cancellable_wait wait(until);
    wait_node node(wait.who, wait.has_single_waker(), tag);
    if (Core::ready_or_queue(object, node)) {
        return {};
    }
    const auto reason = wait.park();
    if (Core::finish(object, node, reason)) {
        return {};
    }
    return failure(reason, Core::operation);
}

}  // namespace weft::sync
