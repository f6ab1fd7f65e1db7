// SPDX-License-Identifier: Apache-2.0
//
// What a wait() for a wait_group is made of, for fibers and threads (wait_group.cpp) and for
// coroutines (coro/async_wait.cpp).
#pragma once

#include <weft/wait_group.h>

#include "sync/wait_queue.h"

namespace weft::sync {

struct wait_group_core {
    static constexpr const char* operation = "wait";

    // See bounded_wait.h. Ready: all is done.
    static bool ready_or_queue(wait_group& group, wait_node& node) noexcept;
    static bool finish(wait_group& group, wait_node& node, sched::wake_reason reason) noexcept;
};

}  // namespace weft::sync
