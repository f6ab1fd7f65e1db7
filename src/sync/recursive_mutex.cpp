// SPDX-License-Identifier: Apache-2.0
//
// recursive_mutex: a mutex, and who has it how often. owner_ is read by anybody and equal to the
// caller's name only if the caller wrote it; depth_ belongs to the owner.
#include "sync/recursive_core.h"

#include "base/assert.h"
#include "sched/current.h"
#include "sched/waiter.h"
#include "sync/mutex_core.h"

namespace weft::sync {

bool recursive_core::is_owner(const recursive_mutex_base& m, const void* who) noexcept {
    return __atomic_load_n(&m.owner_, __ATOMIC_RELAXED) == who;
}

void recursive_core::again(recursive_mutex_base& m) noexcept {
    ++m.depth_;
}

void recursive_core::locked(recursive_mutex_base& m, const void* who) noexcept {
    __atomic_store_n(&m.owner_, who, __ATOMIC_RELAXED);
    m.depth_ = 1;
}

const void* recursive_core::name_of_task(const void* task) noexcept {
    return static_cast<const char*>(task) + 1;
}

bool recursive_core::names_task(const void* owner) noexcept {
    return (reinterpret_cast<std::uintptr_t>(owner) & 1) != 0;
}

void recursive_mutex_base::lock() noexcept {
    const void* const me = &sched::this_waiter();
    if (recursive_core::is_owner(*this, me)) {
        recursive_core::again(*this);
        return;
    }
    mutex_.lock();
    recursive_core::locked(*this, me);
}

result<void> recursive_mutex_base::lock(deadline until) noexcept {
    const void* const me = &sched::this_waiter();
    if (recursive_core::is_owner(*this, me)) {
        recursive_core::again(*this);
        return {};
    }
    const result<void> outcome = mutex_.lock(until);
    if (outcome) {
        recursive_core::locked(*this, me);
    }
    return outcome;
}

bool recursive_mutex_base::try_lock() noexcept {
    const void* const me = &sched::this_waiter();
    if (recursive_core::is_owner(*this, me)) {
        recursive_core::again(*this);
        return true;
    }
    if (!mutex_.try_lock()) {
        return false;
    }
    recursive_core::locked(*this, me);
    return true;
}

void recursive_mutex_base::unlock() noexcept {
    const void* const owner = __atomic_load_n(&owner_, __ATOMIC_RELAXED);
    WEFT_ASSERT(owner != nullptr, "unlock() of a recursive mutex that is not locked");
    // With NDEBUG a coroutine does not know of which task it is.
    const bool mine = sched::on_coroutine() ? recursive_core::names_task(owner) &&
                                                  mutex_core::may_be_owner(mutex_, current_owner())
                                            : owner == &sched::this_waiter();
    WEFT_ASSERT(mine, "unlock() of a recursive mutex that somebody else has locked");
    if (--depth_ == 0) {
        __atomic_store_n(&owner_, nullptr, __ATOMIC_RELAXED);
        mutex_.unlock();
    }
}

void recursive_mutex_base::check_unused() const noexcept {
    mutex_core::check_unused(mutex_, "a recursive_mutex is destroyed while somebody waits for it",
                             "a recursive_mutex is destroyed while it is locked");
}

}  // namespace weft::sync
