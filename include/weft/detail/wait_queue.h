// SPDX-License-Identifier: Apache-2.0
//
// The words of a queue of waiters, as they lie inside of mutex, condition_variable, semaphores and
// wait_group. Not an API: only the library touches them.
//
// Plain words and compiler builtins, because these types must be constant-initialized, must keep
// their fast paths inline and must not show the library's private types.
#pragma once

#include <cstdint>

namespace weft::sync {

struct wait_node;

struct wait_queue {
    std::uint32_t lock = 0;     // 1: somebody is changing the queue
    wait_node* head = nullptr;  // of a ring: head's predecessor came last
};

}  // namespace weft::sync
