// SPDX-License-Identifier: Apache-2.0
//
// What a wait for a shared_mutex is made of, for fibers and threads (shared_mutex.cpp) and for
// coroutines (coro/async_wait.cpp).
#pragma once

#include <weft/shared_mutex.h>

#include "sync/wait_queue.h"

namespace weft::sync {

struct shared_mutex_core {
    static constexpr const char* operation = "lock";

    // Tags of nodes.
    static constexpr std::uint8_t shared = 0;
    static constexpr std::uint8_t exclusive = 1;

    // See bounded_wait.h. Ready: it is locked, as the node's tag says.
    static bool ready_or_queue(shared_mutex& m, wait_node& node) noexcept;
    static bool finish(shared_mutex& m, wait_node& node, sched::wake_reason reason) noexcept;

    // For checked builds: a coroutine is about to wait, and aborts if it is known to be the writer;
    // one that waited has the mutex.
    static void check_caller(const shared_mutex& m) noexcept;
    static void note_success(shared_mutex& m, std::uint8_t tag) noexcept;

private:
    friend class weft::shared_mutex;

    static bool spin(shared_mutex& m, std::uint8_t tag) noexcept;
    static bool hand_over(shared_mutex& m, std::uint32_t holder) noexcept;
    static void admit_readers(shared_mutex& m, wake_list& woken) noexcept;
};

}  // namespace weft::sync
