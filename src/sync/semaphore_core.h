// SPDX-License-Identifier: Apache-2.0
//
// What a waiting acquire() of a semaphore is made of, for fibers and threads (semaphore.cpp) and
// for coroutines (coro/async_wait.cpp).
#pragma once

#include <weft/semaphore.h>

#include "sync/wait_queue.h"

namespace weft::sync {

struct semaphore_core {
    /// True: a token was taken. False: the node's waiter is prepared and queued; it must park, then
    /// call finish().
    static bool ready_or_queue(semaphore_base& s, wait_node& node) noexcept;

    /// The wait is over for `reason`. Whether it got a token; nothing refers to `node` after it.
    static bool finish(semaphore_base& s, wait_node& node, sched::wake_reason reason) noexcept;
};

}  // namespace weft::sync
