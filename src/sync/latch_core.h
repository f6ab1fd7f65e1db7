// SPDX-License-Identifier: Apache-2.0
//
// What waits for a latch, a barrier and an event are made of, for fibers and threads (latch.cpp)
// and for coroutines (coro/async_wait.cpp).
#pragma once

#include <weft/latch.h>

#include "sync/wait_queue.h"

namespace weft::sync {

struct latch_core {
    static constexpr const char* operation = "wait";

    // See bounded_wait.h. Ready: it is at zero.
    static bool ready_or_queue(const latch& l, wait_node& node) noexcept;
    static bool finish(const latch& l, wait_node& node, sched::wake_reason reason) noexcept;
};

struct barrier_core {
    static constexpr const char* operation = "wait";

    /// The tag of a node: whether the phase that it waits for is an odd one. That tells it from the
    /// next one, and no later one can begin before whoever holds the token has arrived again.
    static std::uint8_t tag_of(const barrier_base::arrival_token& token) noexcept {
        return static_cast<std::uint8_t>(token.phase_ % 2);
    }

    // See bounded_wait.h. Ready: the phase is complete.
    static bool ready_or_queue(const barrier_base& b, wait_node& node) noexcept;
    static bool finish(const barrier_base& b, wait_node& node, sched::wake_reason reason) noexcept;
};

struct event_core {
    static constexpr const char* operation = "wait";

    // See bounded_wait.h. Ready: it is set.
    static bool ready_or_queue(event& e, wait_node& node) noexcept;
    static bool finish(event& e, wait_node& node, sched::wake_reason reason) noexcept;
};

}  // namespace weft::sync
