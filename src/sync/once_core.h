// SPDX-License-Identifier: Apache-2.0
//
// What a call_once() is made of, for fibers and threads (once.cpp) and for coroutines
// (coro/async_wait.cpp).
#pragma once

#include <weft/mutex.h>

#include "sync/wait_queue.h"

namespace weft::sync {

struct once_core {
    static constexpr const char* operation = "call_once";

    static constexpr std::uint64_t running = once_flag::running;

    // See bounded_wait.h. Ready: nobody calls now.
    static bool ready_or_queue(once_flag& flag, wait_node& node) noexcept;
    static bool finish(once_flag& flag, wait_node& node, sched::wake_reason reason) noexcept;

    /// True: the caller is to call, then end(). False: somebody does, or it is done.
    static bool try_begin(once_flag& flag) noexcept;
    static void end(once_flag& flag, std::uint64_t state) noexcept;

    /// Aborts if the caller is known to wait for itself.
    static void check_caller(const once_flag& flag) noexcept;
};

}  // namespace weft::sync
