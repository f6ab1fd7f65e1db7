// SPDX-License-Identifier: Apache-2.0
//
// The slow paths of weft::shared_mutex.
//
// word_:
//   writer       a writer has it; then nobody else
//   waiting      the queue is not empty
//   owner_known  owner_ names the writer (see note_owner_checked)
//   above them   how many readers have it
//
// Always holds, where the queue's lock is free: while somebody waits, somebody has the mutex; and
// the head of the queue is a writer, or a writer has the mutex.
//
// `waiting` is set and cleared under the queue's lock. While it is set the fast paths of all locks
// fail, so the only change of the word without that lock is that a reader which is not the last one
// leaves. The last one, and a writer, hand the mutex over under the lock: to the writer at the
// head, or to all readers there. So no wake-up is lost, nobody overtakes, and each waits for those
// only that came before it.
//
// Handing over, and not letting the woken compete as mutex does: of a mutex that newcomers may take
// meanwhile, readers that come without end would leave nothing to a writer; a bound for that would
// have to be kept for each class.
//
// Somebody who gives up takes the node out of the queue. If it was a writer at the head, then those
// behind it that waited for it alone, readers, go on beside the readers that have the mutex.
//
// An unlock does not touch the mutex once another can have it. Without waiters the compare-and-swap
// that releases is its last touch. With waiters each that gets the mutex is woken after the queue's
// lock was let go, or takes that lock before it goes on (see wait_queue.h); if all have given up,
// the caller still has it and releases it as without waiters.
#include "sync/shared_mutex_core.h"

#include "base/assert.h"
#include "sync/bounded_wait.h"
#include "sync/lock_word.h"
#include "sync/mutex_core.h"

namespace weft {

namespace {

using sync::compare_exchange;
using sync::load;

}  // namespace

namespace sync {

bool shared_mutex_core::ready_or_queue(shared_mutex& m, wait_node& node) noexcept {
    constexpr std::uint32_t nobody = 0;
    const queue_guard guard(m.queue_);
    std::uint32_t seen = load(m.word_);
    for (;;) {
        const bool free = node.tag == exclusive
                              ? seen == nobody
                              : (seen & (shared_mutex::writer | shared_mutex::waiting)) == 0;
        const std::uint32_t taken =
            node.tag == exclusive ? shared_mutex::writer : seen + shared_mutex::reader;
        if (compare_exchange(m.word_, seen, free ? taken : seen | shared_mutex::waiting,
                             __ATOMIC_ACQUIRE)) {
            if (free) {
                return true;
            }
            break;
        }
    }
    node.who->prepare();
    push_back(m.queue_, node);
    return false;
}

bool shared_mutex_core::finish(shared_mutex& m, wait_node& node,
                               sched::wake_reason reason) noexcept {
    if (node.single_waker) {
        return true;
    }
    wake_list woken;  // wakes when the lock is let go
    const queue_guard guard(m.queue_);
    if (node.queued) {
        remove(m.queue_, node);
        admit_readers(m, woken);
    }
    return reason == sched::wake_reason::signalled;
}

void shared_mutex_core::check_caller(const shared_mutex& m) noexcept {
    m.check_not_mine();
}

void shared_mutex_core::note_success(shared_mutex& m, std::uint8_t tag) noexcept {
    if (tag == exclusive) {
        m.note_owner_checked();
    }
}

/// Under the queue's lock, when somebody left the queue without the mutex.
void shared_mutex_core::admit_readers(shared_mutex& m, wake_list& woken) noexcept {
    // Acquire: what the last writer did comes before what those do that are woken.
    if ((load(m.word_, __ATOMIC_ACQUIRE) & shared_mutex::writer) == 0) {
        std::uint32_t readers = 0;
        while (!looks_empty(m.queue_) && m.queue_.head->tag == shared) {
            readers += woken.add(*pop_front(m.queue_)) ? shared_mutex::reader : 0;
        }
        __atomic_fetch_add(&m.word_, readers, __ATOMIC_RELAXED);
    }
    if (looks_empty(m.queue_)) {
        __atomic_fetch_and(&m.word_, ~shared_mutex::waiting, __ATOMIC_RELAXED);
    }
}

/// From the caller, which has it as `holder`, a writer or a last reader, to those whose turn it is.
/// False: the caller has it still and looks again.
bool shared_mutex_core::hand_over(shared_mutex& m, std::uint32_t holder) noexcept {
    wake_list woken;  // wakes when the lock is let go
    const queue_guard guard(m.queue_);
    // Acquire: what other readers did comes before what those do that are woken.
    const std::uint32_t seen = load(m.word_, __ATOMIC_ACQUIRE) & ~shared_mutex::owner_known;
    if (seen != (holder | shared_mutex::waiting)) {
        return false;
    }
    // From here on nobody else changes the word.
    std::uint32_t next = 0;
    while (!looks_empty(m.queue_) && (next == 0 || m.queue_.head->tag == shared)) {
        wait_node& node = *pop_front(m.queue_);
        const bool writer = node.tag == exclusive;
        if (!woken.add(node)) {
            continue;
        }
        if (writer) {
            next = shared_mutex::writer;
            break;
        }
        next += shared_mutex::reader;
    }
    const std::uint32_t still_waiting = looks_empty(m.queue_) ? 0 : shared_mutex::waiting;
    const bool taken = next != 0;
    __atomic_store_n(&m.word_, (taken ? next : holder) | still_waiting, __ATOMIC_RELEASE);
    return taken;
}

/// True: locked, as `tag` says. Only while nobody waits: who would be overtaken.
bool shared_mutex_core::spin(shared_mutex& m, std::uint8_t tag) noexcept {
    const std::uint32_t budget = load(m.spins_);
    for (std::uint32_t i = 0; i <= budget; ++i) {
        const std::uint32_t seen = load(m.word_);
        if ((seen & shared_mutex::waiting) != 0) {
            return false;
        }
        const bool locked = tag == exclusive
                                ? seen == 0 && m.swap(0, shared_mutex::writer, __ATOMIC_ACQUIRE)
                                : m.try_lock_shared();
        if (locked) {
            if (i != 0 && budget < max_spins) {
                __atomic_store_n(&m.spins_, budget * 2, __ATOMIC_RELAXED);
            }
            return true;
        }
        base::cpu_relax();
    }
    __atomic_store_n(&m.spins_, budget / 2 < min_spins ? min_spins : budget / 2, __ATOMIC_RELAXED);
    return false;
}

}  // namespace sync

void shared_mutex::lock_slow() noexcept {
    using core = sync::shared_mutex_core;
    if (!core::spin(*this, core::exclusive)) {
        sync::wait_unbounded<core>(*this, core::exclusive);
    }
}

result<void> shared_mutex::lock_slow(deadline until) noexcept {
    using core = sync::shared_mutex_core;
    if (core::spin(*this, core::exclusive)) {
        return {};
    }
    return sync::wait_bounded<core>(*this, until, core::exclusive);
}

void shared_mutex::lock_shared_slow() noexcept {
#ifndef NDEBUG
    check_not_mine();
#endif
    using core = sync::shared_mutex_core;
    if (!core::spin(*this, core::shared)) {
        sync::wait_unbounded<core>(*this, core::shared);
    }
}

result<void> shared_mutex::lock_shared_slow(deadline until) noexcept {
#ifndef NDEBUG
    check_not_mine();
#endif
    using core = sync::shared_mutex_core;
    if (core::spin(*this, core::shared)) {
        return {};
    }
    return sync::wait_bounded<core>(*this, until, core::shared);
}

void shared_mutex::unlock_slow() noexcept {
    for (;;) {
        std::uint32_t seen = load(word_);
        WEFT_ASSERT((seen & writer) != 0, "unlock() of a shared_mutex that no writer has locked");
        if ((seen & waiting) != 0) {
            if (sync::shared_mutex_core::hand_over(*this, writer)) {
                return;
            }
        } else if (compare_exchange(word_, seen, 0, __ATOMIC_RELEASE)) {
            return;
        }
    }
}

void shared_mutex::unlock_shared_slow() noexcept {
    for (;;) {
        std::uint32_t seen = load(word_);
        WEFT_ASSERT(seen >= reader, "unlock_shared() of a shared_mutex that no reader has locked");
        if (seen == (reader | waiting)) {
            if (sync::shared_mutex_core::hand_over(*this, reader)) {
                return;
            }
        } else if (compare_exchange(word_, seen, seen - reader, __ATOMIC_RELEASE)) {
            return;
        }
    }
}

void shared_mutex::note_owner_checked() noexcept {
    __atomic_store_n(&owner_, sync::current_owner(), __ATOMIC_RELAXED);
    __atomic_fetch_or(&word_, owner_known, __ATOMIC_RELEASE);
}

void shared_mutex::check_not_mine() const noexcept {
    const void* const me = sync::current_owner();
    const bool mine = (load(word_, __ATOMIC_ACQUIRE) & owner_known) != 0 &&
                      __atomic_load_n(&owner_, __ATOMIC_RELAXED) == me;
    WEFT_ASSERT(!mine || !sync::names_one(me),
                "lock() of a shared_mutex that the caller has locked");
}

void shared_mutex::check_owner() const noexcept {
    if ((load(word_, __ATOMIC_ACQUIRE) & owner_known) != 0) {
        WEFT_ASSERT(__atomic_load_n(&owner_, __ATOMIC_RELAXED) == sync::current_owner(),
                    "unlock() of a shared_mutex that somebody else has locked");
    }
}

void shared_mutex::check_unused() const noexcept {
    const std::uint32_t seen = load(word_);
    WEFT_ASSERT((seen & waiting) == 0, "a shared_mutex is destroyed while somebody waits for it");
    WEFT_ASSERT(seen == 0, "a shared_mutex is destroyed while it is locked");
}

}  // namespace weft
