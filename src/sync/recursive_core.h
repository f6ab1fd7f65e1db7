// SPDX-License-Identifier: Apache-2.0
//
// What a lock() of a recursive mutex adds to that of the mutex in it, for fibers and threads
// (recursive_mutex.cpp) and for coroutines (coro/async_lock.cpp).
#pragma once

#include <weft/mutex.h>

namespace weft::sync {

struct recursive_core {
    /// Whether `who`, which is the caller's name, has it.
    static bool is_owner(const recursive_mutex_base& m, const void* who) noexcept;

    /// The owner has it once more.
    static void again(recursive_mutex_base& m) noexcept;

    /// The caller, `who`, has just locked the mutex in it.
    static void locked(recursive_mutex_base& m, const void* who) noexcept;

    /// The name of a task, of which `task` is the address of some even-aligned part. No fiber or
    /// thread has such a name.
    static const void* name_of_task(const void* task) noexcept;
    static bool names_task(const void* owner) noexcept;
};

}  // namespace weft::sync
