// SPDX-License-Identifier: Apache-2.0
//
// What a wait on a condition variable is made of, for fibers and threads (condition_variable.cpp)
// and for coroutines (coro/async_wait.cpp).
#pragma once

#include <weft/condition_variable.h>

#include "sync/wait_queue.h"

namespace weft::sync {

struct condition_core {
    /// Prepares the node's waiter and queues it. Then: unlock the mutex, park, finish(), lock.
    static void enqueue(condition_variable& cv, wait_node& node) noexcept;

    /// The wait is over for `reason`: after it nothing refers to `node`.
    static void finish(condition_variable& cv, wait_node& node) noexcept;
};

}  // namespace weft::sync
