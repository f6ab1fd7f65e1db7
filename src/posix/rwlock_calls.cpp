// SPDX-License-Identifier: Apache-2.0
//
// pthread_rwlock_rdlock and its like. The C library notes the kernel thread that writes, and takes
// an unlock by another one for a reader's; a fiber may well be on another one by then.
//
// Of the object two places are used: __readers, the state, and the eight bytes from __wrphase_futex
// on: who writes. Those shared with other processes are left to the C library. Readers come before
// writers, as there, unless the lock was made with PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP.
#include <pthread.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>

#include "posix/next.h"
#include "posix/times.h"
#include "posix/wait_table.h"

WEFT_POSIX_PART(rwlock_calls)

WEFT_POSIX_NEXT(pthread_rwlock_rdlock)
WEFT_POSIX_NEXT(pthread_rwlock_tryrdlock)
WEFT_POSIX_NEXT(pthread_rwlock_timedrdlock)
WEFT_POSIX_NEXT(pthread_rwlock_clockrdlock)
WEFT_POSIX_NEXT(pthread_rwlock_wrlock)
WEFT_POSIX_NEXT(pthread_rwlock_trywrlock)
WEFT_POSIX_NEXT(pthread_rwlock_timedwrlock)
WEFT_POSIX_NEXT(pthread_rwlock_clockwrlock)
WEFT_POSIX_NEXT(pthread_rwlock_unlock)

namespace weft::posix {

namespace {

constexpr std::uint32_t writing = 1u << 31;
constexpr std::uint32_t waiting = 1u << 30;       // somebody sleeps on it
constexpr std::uint32_t writer_waits = 1u << 29;  // one whom readers let go first
constexpr std::uint32_t readers = writer_waits - 1;

enum class mode : std::uint8_t { shared, exclusive };

struct state {
    std::uint32_t word;
    std::uint32_t unused;
    const void* writer;
};
static_assert(offsetof(__pthread_rwlock_arch_t, __readers) == offsetof(state, word));
static_assert(offsetof(__pthread_rwlock_arch_t, __wrphase_futex) == offsetof(state, writer));
static_assert(offsetof(__pthread_rwlock_arch_t, __pad3) == sizeof(state));

class view {
public:
    explicit view(pthread_rwlock_t& lock) noexcept
        : state_(*reinterpret_cast<state*>(&lock)),
          is_ours_(lock.__data.__shared == 0),
          writers_first_(lock.__data.__flags == PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP) {}

    [[nodiscard]] bool is_ours() const noexcept { return is_ours_; }

    int try_lock(mode how) noexcept {
        std::uint32_t seen = load();
        while (is_free(seen, how)) {
            if (exchange(seen, locked(seen, how))) {
                note(how);
                return 0;
            }
        }
        return EBUSY;
    }

    int lock(mode how, deadline until = {}) noexcept {
        if (is_mine()) {
            return EDEADLK;
        }
        for (std::uint32_t seen = load();;) {
            if (is_free(seen, how)) {
                if (exchange(seen, locked(seen, how))) {
                    note(how);
                    return 0;
                }
                continue;
            }
            const std::uint32_t marked = seen | mark_of(how);
            if (marked != seen && !exchange(seen, marked)) {
                continue;
            }
            if (wait_while(state_.word, marked, until) != 0) {
                give_up(how);
                return ETIMEDOUT;
            }
            seen = load();
        }
    }

    int lock_until(mode how, clockid_t which, const timespec& when) noexcept {
        if (try_lock(how) == 0) {
            return 0;
        }
        return is_time(when) ? lock(how, deadline_at(which, when)) : EINVAL;
    }

    int unlock() noexcept {
        std::uint32_t seen = load();
        if ((seen & writing) != 0) {
            __atomic_store_n(&state_.writer, nullptr, __ATOMIC_RELAXED);
        } else if ((seen & readers) == 0) {
            return EPERM;
        }
        std::uint32_t next = 0;
        do {
            // The last one out lets all compete.
            next = (seen & writing) != 0 || (seen & readers) == 1 ? 0 : seen - 1;
        } while (!exchange(seen, next));
        if (next == 0 && (seen & waiting) != 0) {
            wake_all(state_.word);
        }
        return 0;
    }

private:
    [[nodiscard]] std::uint32_t load() const noexcept {
        return __atomic_load_n(&state_.word, __ATOMIC_RELAXED);
    }

    bool exchange(std::uint32_t& seen, std::uint32_t next) noexcept {
        return __atomic_compare_exchange_n(&state_.word, &seen, next, true, __ATOMIC_SEQ_CST,
                                           __ATOMIC_RELAXED);
    }

    [[nodiscard]] bool is_free(std::uint32_t seen, mode how) const noexcept {
        if (how == mode::exclusive) {
            return (seen & ~(waiting | writer_waits)) == 0;
        }
        return (seen & (writing | writer_waits)) == 0;
    }

    [[nodiscard]] std::uint32_t mark_of(mode how) const noexcept {
        return how == mode::exclusive && writers_first_ ? waiting | writer_waits : waiting;
    }

    /// Readers need not wait for this one any more. Other writers mark the lock again.
    void give_up(mode how) noexcept {
        if ((mark_of(how) & writer_waits) == 0) {
            return;
        }
        const std::uint32_t before =
            __atomic_fetch_and(&state_.word, ~writer_waits, __ATOMIC_SEQ_CST);
        if ((before & writer_waits) != 0) {
            wake_all(state_.word);
        }
    }

    static std::uint32_t locked(std::uint32_t seen, mode how) noexcept {
        return how == mode::exclusive ? (seen & ~writer_waits) | writing : seen + 1;
    }

    void note(mode how) noexcept {
        if (how == mode::exclusive) {
            __atomic_store_n(&state_.writer, current_owner(), __ATOMIC_RELAXED);
        }
    }

    [[nodiscard]] bool is_mine() const noexcept {
        return __atomic_load_n(&state_.writer, __ATOMIC_RELAXED) == current_owner();
    }

    state& state_;
    const bool is_ours_;
    const bool writers_first_;
};

}  // namespace

}  // namespace weft::posix

namespace posix = weft::posix;
using posix::mode;

extern "C" {

int pthread_rwlock_rdlock(pthread_rwlock_t* lock) noexcept {
    posix::view ours(*lock);
    return ours.is_ours() ? ours.lock(mode::shared) : posix::next::pthread_rwlock_rdlock(lock);
}

int pthread_rwlock_tryrdlock(pthread_rwlock_t* lock) noexcept {
    posix::view ours(*lock);
    return ours.is_ours() ? ours.try_lock(mode::shared)
                          : posix::next::pthread_rwlock_tryrdlock(lock);
}

int pthread_rwlock_timedrdlock(pthread_rwlock_t* lock, const timespec* when) noexcept {
    posix::view ours(*lock);
    return ours.is_ours() ? ours.lock_until(mode::shared, CLOCK_REALTIME, *when)
                          : posix::next::pthread_rwlock_timedrdlock(lock, when);
}

int pthread_rwlock_clockrdlock(pthread_rwlock_t* lock, clockid_t which,
                               const timespec* when) noexcept {
    posix::view ours(*lock);
    return ours.is_ours() ? ours.lock_until(mode::shared, which, *when)
                          : posix::next::pthread_rwlock_clockrdlock(lock, which, when);
}

int pthread_rwlock_wrlock(pthread_rwlock_t* lock) noexcept {
    posix::view ours(*lock);
    return ours.is_ours() ? ours.lock(mode::exclusive) : posix::next::pthread_rwlock_wrlock(lock);
}

int pthread_rwlock_trywrlock(pthread_rwlock_t* lock) noexcept {
    posix::view ours(*lock);
    return ours.is_ours() ? ours.try_lock(mode::exclusive)
                          : posix::next::pthread_rwlock_trywrlock(lock);
}

int pthread_rwlock_timedwrlock(pthread_rwlock_t* lock, const timespec* when) noexcept {
    posix::view ours(*lock);
    return ours.is_ours() ? ours.lock_until(mode::exclusive, CLOCK_REALTIME, *when)
                          : posix::next::pthread_rwlock_timedwrlock(lock, when);
}

int pthread_rwlock_clockwrlock(pthread_rwlock_t* lock, clockid_t which,
                               const timespec* when) noexcept {
    posix::view ours(*lock);
    return ours.is_ours() ? ours.lock_until(mode::exclusive, which, *when)
                          : posix::next::pthread_rwlock_clockwrlock(lock, which, when);
}

int pthread_rwlock_unlock(pthread_rwlock_t* lock) noexcept {
    posix::view ours(*lock);
    return ours.is_ours() ? ours.unlock() : posix::next::pthread_rwlock_unlock(lock);
}

}  // extern "C"
