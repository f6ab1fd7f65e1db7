// SPDX-License-Identifier: Apache-2.0
//
// wait_table: futex(2) for fibers. Whoever calls sleeps while a word has a value, until another
// wakes those that sleep on its address; a fiber parks, all others block their kernel thread. The
// pthread objects are words in memory that is the C library's to lay out, with no room for a queue;
// so the queues stand here, found by address, as in the kernel.
//
// One table for the process, since the objects belong to no runtime. Thread-safe.
#pragma once

#include <cstdint>

#include <weft/time.h>

namespace weft::posix {

/// Sleeps if `word` is `expected`, until a wake: 0, or ETIMEDOUT. May return 0 early at any time;
/// the caller looks at its condition again. Nothing else ends it: who calls has no way to report a
/// stop.
int wait_while(std::uint32_t& word, std::uint32_t expected, deadline until = {}) noexcept;

/// Sleeps until a wake: 0, or ETIMEDOUT. Wakes reach it before `let_go()` is called, after which
/// only the address of `word` is used: it may be gone then. If that returns an errno value, so does
/// this, without having slept.
int wait_after(const std::uint32_t& word, deadline until, int (*let_go)(void*),
               void* argument) noexcept;
template <class LetGo>
int wait_after(const std::uint32_t& word, deadline until, LetGo let_go) noexcept {
    return wait_after(
        word, until, [](void* function) { return (*static_cast<LetGo*>(function))(); }, &let_go);
}

/// Wakes those who sleep on `word`, at most `count`, in the order of their arrival. Only the
/// address is used. Costs a load if nobody sleeps near it. Before it, so that who is about to sleep
/// sees it, the word was changed by an atomic read-modify-write; to those in wait_after() the
/// caller is ordered by what they have let go of.
void wake(const std::uint32_t& word, int count) noexcept;
inline void wake_one(const std::uint32_t& word) noexcept {
    wake(word, 1);
}
inline void wake_all(const std::uint32_t& word) noexcept {
    wake(word, INT32_MAX);
}

/// Tells fibers, threads and whatever else runs on a kernel thread apart, as long as they live.
const void* current_owner() noexcept;

}  // namespace weft::posix
