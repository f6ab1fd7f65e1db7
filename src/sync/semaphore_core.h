// SPDX-License-Identifier: Apache-2.0
//
// What a waiting acquire() of a semaphore is made of, for fibers and threads (semaphore.cpp) and
// for coroutines (coro/async_wait.cpp).
#pragma once

#include <weft/semaphore.h>

#include "sync/wait_queue.h"

namespace weft::sync {

struct semaphore_core {
    static constexpr const char* operation = "acquire";

    // See bounded_wait.h. Ready: a token was taken.
    static bool ready_or_queue(semaphore_base& s, wait_node& node) noexcept;
    static bool finish(semaphore_base& s, wait_node& node, sched::wake_reason reason) noexcept;
};

}  // namespace weft::sync
