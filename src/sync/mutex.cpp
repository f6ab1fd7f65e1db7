// SPDX-License-Identifier: Apache-2.0
//
// The slow paths of weft::mutex.
//
// word_:
//   locked       somebody has it
//   waiting      the queue is not empty
//   woken        a waiter was popped and woken to compete; it has not run yet
//   starving     the waiter at the head lost its turn `patience` times: the next unlock() hands the
//                mutex to it
//   owner_known  owner_ names the owner (see lock_checked)
// `waiting` is set and cleared under the queue's lock only, and set only while `locked` is.
// `starving` implies `waiting` and `locked`.
//
// Policy. A fiber that unlocks wakes the head of the queue and goes on; the woken fiber competes
// when its worker runs it. Meanwhile anybody may take the mutex ("barging"): with strict hand-off a
// short section would cost a switch for each turn, and all users would queue behind one another in
// lock-step even when the mutex is hardly used. Only one waiter is woken at a time (`woken`), so a
// busy mutex does not wake a herd. A woken waiter that finds the mutex taken goes back to the
// head; after `patience` such losses it gets the mutex handed over. So a waiter is overtaken for
// at most `patience` wake-ups once it stands at the head.
//
// Spinning comes before queueing, because the owner may be about to unlock on another worker; it
// cannot tell when the owner does not run, so how long it spins follows how well it paid lately:
// spins_ doubles with a success and halves with a failure.
//
// No wake-up is lost. Claim: while the queue is not empty, the mutex is locked, or a waiter is
// woken, or an unlocker is about to wake the waiter that it popped.
//   - A node is queued under the queue's lock after a compare-and-swap that found `locked` and set
//     `waiting`: the owner's unlock() sees it, or its compare-and-swap of `locked` alone fails.
//   - A slow unlock() with `waiting` either pops a waiter, sets `woken`, releases, and wakes it; or
//     finds `woken` and only releases: then the woken waiter takes the mutex (its own unlock() sees
//     `waiting`), or finds it locked and goes back to the head, clearing `woken` in the
//     compare-and-swap that found `locked`, so that the present owner's unlock() sees it cleared.
//   - Nobody but a popped waiter that was woken clears `woken`.
// unlock() reads and writes nothing of the mutex after the atomic operation that releases it.
//
// Of waiters there are two sorts (see wait_queue.h).
//   - One that only an unlocker can wake is woken after the release: it lives, because nobody else
//     can wake it.
//   - One with a deadline or a stop may go away meanwhile, so it is woken under the queue's lock,
//     before the release. It takes that lock before it goes on. If it then finds the mutex still
//     locked, it goes back to the head and clears `woken`; so the unlocker releases by a
//     compare-and-swap that sees `woken`, or wakes once more. If its wait was over (wake() is
//     false), the next one is woken. If nobody is left, the mutex is released as without waiters.
// A waiter that gives up was signalled by nobody, so it owes nothing: it takes itself out of the
// queue and, if that is empty then, clears `waiting` and `starving`. If others wait, `starving` may
// stay: then the next of them is handed the mutex early.
#include "sync/mutex_core.h"

#include "base/assert.h"
#include "sched/cancellable_wait.h"
#include "sched/current.h"
#include "sync/bounded_wait.h"
#include "sync/lock_word.h"

namespace weft {

namespace {

constexpr unsigned patience = 3;

const char any_coroutine = 0;

using sync::compare_exchange;
using sync::load;

}  // namespace

namespace sync {

const void* current_owner() noexcept {
    if (sched::on_coroutine()) {
        const void* const task = sched::current_task();
        return task != nullptr ? task : &any_coroutine;
    }
    return &sched::this_waiter();
}

bool names_one(const void* owner) noexcept {
    return owner != &any_coroutine;
}

bool mutex_core::lock_or_queue(mutex& m, lock_attempt& attempt) noexcept {
    const std::uint32_t my_token = attempt.was_woken ? mutex::woken : 0;
    const queue_guard guard(m.queue_);
    std::uint32_t seen = load(m.word_);
    for (;;) {
        if ((seen & mutex::locked) == 0) {
            if (compare_exchange(m.word_, seen, (seen | mutex::locked) & ~my_token,
                                 __ATOMIC_ACQUIRE)) {
                return true;
            }
            continue;
        }
        std::uint32_t next = (seen | mutex::waiting) & ~my_token;
        if (attempt.losses >= patience) {
            next |= mutex::starving;
        }
        if (compare_exchange(m.word_, seen, next, __ATOMIC_RELAXED)) {
            break;
        }
    }
    attempt.who->prepare();
    if (attempt.was_woken) {
        push_front(m.queue_, attempt);
    } else {
        push_back(m.queue_, attempt);
    }
    return false;
}

bool mutex_core::resumed(mutex& m, lock_attempt& attempt) noexcept {
    if (attempt.handed_over) {
        if (!attempt.single_waker) {
            const queue_guard until_the_waker_is_done(m.queue_);
        }
        return true;
    }
    attempt.was_woken = true;
    ++attempt.losses;  // counts only if the mutex is found locked now
    return lock_or_queue(m, attempt);
}

void mutex_core::give_up(mutex& m, lock_attempt& attempt) noexcept {
    const queue_guard guard(m.queue_);
    if (attempt.queued) {
        remove(m.queue_, attempt);
        if (m.queue_.head == nullptr) {
            __atomic_fetch_and(&m.word_, ~(mutex::waiting | mutex::starving), __ATOMIC_RELAXED);
        }
    }
}

void mutex_core::note_owner(mutex& m, const void* owner) noexcept {
    __atomic_store_n(&m.owner_, owner, __ATOMIC_RELAXED);
    __atomic_fetch_or(&m.word_, mutex::owner_known, __ATOMIC_RELEASE);
}

void mutex_core::check_not_mine(const mutex& m) noexcept {
    m.check_not_mine();
}

void mutex_core::check_unused(const mutex& m, const char* waited_for,
                              const char* is_locked) noexcept {
    WEFT_ASSERT((load(m.word_) & mutex::waiting) == 0, waited_for);
    WEFT_ASSERT((load(m.word_) & mutex::locked) == 0, is_locked);
}

bool mutex_core::may_be_owner(const mutex& m, const void* who) noexcept {
    if ((load(m.word_, __ATOMIC_ACQUIRE) & mutex::owner_known) == 0) {
        return true;
    }
    const void* const owner = __atomic_load_n(&m.owner_, __ATOMIC_RELAXED);
    return owner == who;
}

/// True: locked. A waiter that starves is never overtaken: the mutex is not free then.
bool mutex_core::spin(mutex& m) noexcept {
    const std::uint32_t budget = load(m.spins_);
    for (std::uint32_t i = 0; i <= budget; ++i) {
        std::uint32_t seen = load(m.word_);
        if ((seen & mutex::locked) == 0 &&
            compare_exchange(m.word_, seen, seen | mutex::locked, __ATOMIC_ACQUIRE)) {
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

/// Under the queue's lock: the next one whose wait is not over; null if nobody is left. It is woken
/// already if others can wake it, too.
lock_attempt* mutex_core::pop_waiter(mutex& m, bool hand_over) noexcept {
    while (auto* const next = static_cast<lock_attempt*>(pop_front(m.queue_))) {
        next->handed_over = hand_over;
        if (next->single_waker || next->who->wake()) {
            return next;
        }
    }
    return nullptr;
}

/// With `waiting` seen. False: the caller still has the mutex and must release it.
bool mutex_core::release_and_wake(mutex& m) noexcept {
    // Until the next one is runnable: nobody else can lock the mutex, or wake it.
    const base::preemption_disabled until_done;
    lock_attempt* next = nullptr;
    bool hand_over = false;
    bool wake_later = false;
    {
        const queue_guard guard(m.queue_);
        // While this thread still has the mutex nobody changes the word without this lock.
        hand_over = (load(m.word_) & mutex::starving) != 0;
        next = pop_waiter(m, hand_over);
        wake_later = next != nullptr && next->single_waker;
        std::uint32_t cleared = m.queue_.head == nullptr ? mutex::waiting : 0;
        if (hand_over) {
            // The mutex stays locked; from here on it is the waiter's, if there is one.
            cleared |= mutex::starving | mutex::owner_known;
        } else if (next != nullptr) {
            __atomic_fetch_or(&m.word_, mutex::woken, __ATOMIC_RELAXED);
        }
        if (cleared != 0) {
            __atomic_fetch_and(&m.word_, ~cleared, __ATOMIC_RELEASE);
        }
    }
    if (!wake_later) {
        return hand_over && next != nullptr;
    }
    if (!hand_over) {
        __atomic_fetch_and(&m.word_, ~(mutex::locked | mutex::owner_known), __ATOMIC_RELEASE);
    }
    next->who->wake();
    return true;
}

}  // namespace sync

void mutex::lock_slow() noexcept {
    if (sync::mutex_core::spin(*this)) {
        return;
    }
    sync::lock_attempt attempt(sched::this_waiter(), true);
    if (sync::mutex_core::lock_or_queue(*this, attempt)) {
        return;
    }
    do {
        attempt.who->park();
    } while (!sync::mutex_core::resumed(*this, attempt));
}

result<void> mutex::lock_slow(deadline until) noexcept {
    if (sync::mutex_core::spin(*this)) {
        return {};
    }
    sched::cancellable_wait wait(until);
    sync::lock_attempt attempt(wait.who, wait.has_single_waker());
    if (sync::mutex_core::lock_or_queue(*this, attempt)) {
        return {};
    }
    do {
        const auto reason = wait.park();
        if (reason != sched::wake_reason::signalled) {
            sync::mutex_core::give_up(*this, attempt);
            return sync::failure(reason, "lock");
        }
    } while (!sync::mutex_core::resumed(*this, attempt));
    return {};
}

bool mutex::try_lock_slow() noexcept {
    std::uint32_t seen = load(word_);
    while ((seen & locked) == 0) {
        if (compare_exchange(word_, seen, seen | locked, __ATOMIC_ACQUIRE)) {
            return true;
        }
    }
    return false;
}

void mutex::unlock_slow() noexcept {
    std::uint32_t seen = load(word_);
    for (;;) {
        WEFT_ASSERT((seen & locked) != 0, "unlock() of a mutex that is not locked");
        const bool somebody_to_wake = (seen & waiting) != 0 && (seen & woken) == 0;
        if (somebody_to_wake || (seen & starving) != 0) {
            if (sync::mutex_core::release_and_wake(*this)) {
                return;
            }
            seen = load(word_);
        } else if (compare_exchange(word_, seen, seen & ~(locked | owner_known),
                                    __ATOMIC_RELEASE)) {
            return;
        }
    }
}

void mutex::check_not_mine() const noexcept {
    const void* const me = sync::current_owner();
    const bool mine = (__atomic_load_n(&word_, __ATOMIC_ACQUIRE) & owner_known) != 0 &&
                      __atomic_load_n(&owner_, __ATOMIC_RELAXED) == me;
    WEFT_ASSERT(!mine || !sync::names_one(me), "lock() of a mutex that the caller has locked");
}

void mutex::lock_checked() noexcept {
    check_not_mine();
    if (!take()) {
        lock_slow();
    }
    sync::mutex_core::note_owner(*this, sync::current_owner());
}

result<void> mutex::lock_checked(deadline until) noexcept {
    check_not_mine();
    if (!take()) {
        if (const result<void> outcome = lock_slow(until); !outcome) {
            return outcome;
        }
    }
    sync::mutex_core::note_owner(*this, sync::current_owner());
    return {};
}

bool mutex::try_lock_checked() noexcept {
    if (!take() && !try_lock_slow()) {
        return false;
    }
    sync::mutex_core::note_owner(*this, sync::current_owner());
    return true;
}

void mutex::check_owner() const noexcept {
    WEFT_ASSERT(sync::mutex_core::may_be_owner(*this, sync::current_owner()),
                "unlock() of a mutex that somebody else has locked");
}

void mutex::check_unused() const noexcept {
    sync::mutex_core::check_unused(*this, "a mutex is destroyed while somebody waits for it",
                                   "a mutex is destroyed while it is locked");
}

void timed_mutex::check_unused() const noexcept {
    sync::mutex_core::check_unused(mutex_, "a timed_mutex is destroyed while somebody waits for it",
                                   "a timed_mutex is destroyed while it is locked");
}

}  // namespace weft
