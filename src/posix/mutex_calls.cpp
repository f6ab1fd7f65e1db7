// SPDX-License-Identifier: Apache-2.0
//
// pthread_mutex_lock and its like, so std::mutex, too: who has to wait sleeps in the wait table.
// The C library's own are no use to fibers. One that blocks takes its kernel thread along, on which
// the owner may wait to run; and the owner of a recursive one is a kernel thread, so that two
// fibers on the same would both have it.
//
// The object is the C library's: initialized by it or by a constant, of its kind. Used are the
// words that it uses itself for the like: __lock (0 free, 1 locked, 2 locked and perhaps waited
// for, after Drepper, "Futexes are tricky"), __count (how often its owner has it beyond once) and,
// for who owns it, __list, which only robust mutexes have in use. Every call of the process comes
// here, so nobody takes one word for the other.
//
// Left to the C library: mutexes that are shared with other processes, robust ones, and those that
// lend priorities. Those block kernel threads.
//
// Woken waiters compete with whoever comes: as with the C library's, nobody is handed a mutex.
#include "posix/mutex_calls.h"

#include <cerrno>
#include <climits>
#include <cstdint>

#include "base/atomic.h"
#include "posix/next.h"
#include "posix/times.h"
#include "posix/wait_table.h"

WEFT_POSIX_PART(mutex_calls)

WEFT_POSIX_NEXT(pthread_mutex_lock)
WEFT_POSIX_NEXT(pthread_mutex_trylock)
WEFT_POSIX_NEXT(pthread_mutex_timedlock)
WEFT_POSIX_NEXT(pthread_mutex_clocklock)
WEFT_POSIX_NEXT(pthread_mutex_unlock)
WEFT_POSIX_NEXT(pthread_mutex_destroy)

namespace weft::posix {

namespace {

constexpr int spins = 30;  // under 1 us: less than to sleep and be woken

constexpr std::uint32_t free_word = 0;
constexpr std::uint32_t locked = 1;
constexpr std::uint32_t contended = 2;

class view {
public:
    explicit view(pthread_mutex_t& m) noexcept : data_(m.__data) {}

    /// Of a kind that is treated here: the low two bits; what else may be set says that lock
    /// elision is allowed or not (glibc, nptl/pthreadP.h).
    [[nodiscard]] bool is_ours() const noexcept { return (data_.__kind & ~0x303) == 0; }

    [[nodiscard]] bool knows_owner() const noexcept {
        return type() == PTHREAD_MUTEX_RECURSIVE || type() == PTHREAD_MUTEX_ERRORCHECK;
    }

    [[nodiscard]] bool is_mine() const noexcept {
        return __atomic_load_n(&data_.__list.__next, __ATOMIC_RELAXED) == me();
    }

    /// By its owner: one level more, or why not.
    int lock_again() noexcept {
        if (type() != PTHREAD_MUTEX_RECURSIVE) {
            return EDEADLK;
        }
        if (data_.__count == UINT_MAX) {
            return EAGAIN;
        }
        ++data_.__count;
        return 0;
    }

    /// By its owner: whether a level remains.
    bool leave_level() noexcept {
        if (data_.__count == 0) {
            return false;
        }
        --data_.__count;
        return true;
    }

    void set_mine() noexcept { set_owner(me()); }
    void set_nobodys() noexcept { set_owner(nullptr); }

    /// As the C library's: it has no kind afterwards. Not by its destroy(): a sanitizer that stands
    /// in for that knows nothing of who has locked it.
    int destroy() noexcept {
        if (__atomic_load_n(&word(), __ATOMIC_RELAXED) != free_word) {
            return EBUSY;
        }
        data_.__kind = -1;
        return 0;
    }

    [[nodiscard]] std::uint32_t& word() noexcept {
        return reinterpret_cast<std::uint32_t&>(data_.__lock);
    }

private:
    using owner = decltype(__pthread_mutex_s::__list.__next);

    [[nodiscard]] int type() const noexcept { return data_.__kind & 3; }
    static owner me() noexcept { return static_cast<owner>(const_cast<void*>(current_owner())); }
    void set_owner(owner who) noexcept {
        __atomic_store_n(&data_.__list.__next, who, __ATOMIC_RELAXED);
    }

    __pthread_mutex_s& data_;
};

bool take(std::uint32_t& word) noexcept {
    std::uint32_t expected = free_word;
    return __atomic_compare_exchange_n(&word, &expected, locked, false, __ATOMIC_ACQUIRE,
                                       __ATOMIC_RELAXED);
}

bool spin(std::uint32_t& word) noexcept {
    for (int i = 0; i < spins; ++i) {
        if (__atomic_load_n(&word, __ATOMIC_RELAXED) == free_word && take(word)) {
            return true;
        }
        base::cpu_relax();
    }
    return false;
}

/// 0 or ETIMEDOUT.
int wait_and_take(std::uint32_t& word, deadline until) noexcept {
    while (__atomic_exchange_n(&word, contended, __ATOMIC_ACQUIRE) != free_word) {
        if (wait_while(word, contended, until) != 0) {
            // The last who waits leaves the mutex marked: an unlock then looks for nobody.
            return ETIMEDOUT;
        }
    }
    return 0;
}

void release(std::uint32_t& word) noexcept {
    if (__atomic_exchange_n(&word, free_word, __ATOMIC_SEQ_CST) == contended) {
        wake_one(word);
    }
}

int try_lock(view m) noexcept {
    if (m.knows_owner() && m.is_mine()) {
        const int error = m.lock_again();
        return error == EDEADLK ? EBUSY : error;
    }
    if (!take(m.word())) {
        return EBUSY;
    }
    if (m.knows_owner()) {
        m.set_mine();
    }
    return 0;
}

int lock_view(view m, deadline until) noexcept {
    if (m.knows_owner() && m.is_mine()) {
        return m.lock_again();
    }
    if (!take(m.word()) && !spin(m.word())) {
        if (const int error = wait_and_take(m.word(), until)) {
            return error;
        }
    }
    if (m.knows_owner()) {
        m.set_mine();
    }
    return 0;
}

int unlock_view(view m) noexcept {
    if (m.knows_owner()) {
        if (!m.is_mine()) {
            return EPERM;
        }
        if (m.leave_level()) {
            return 0;
        }
        m.set_nobodys();
    }
    release(m.word());
    return 0;
}

int lock_until(pthread_mutex_t& m, clockid_t which, const timespec& when) noexcept {
    const int error = try_lock(view(m));
    if (error != EBUSY) {
        return error;
    }
    return is_time(when) ? lock_view(view(m), deadline_at(which, when)) : EINVAL;
}

}  // namespace

int lock_mutex(pthread_mutex_t& m, deadline until) noexcept {
    return view(m).is_ours() ? lock_view(view(m), until) : next::pthread_mutex_lock(&m);
}

int unlock_mutex(pthread_mutex_t& m) noexcept {
    return view(m).is_ours() ? unlock_view(view(m)) : next::pthread_mutex_unlock(&m);
}

}  // namespace weft::posix

namespace posix = weft::posix;

extern "C" {

int pthread_mutex_lock(pthread_mutex_t* m) noexcept {
    return posix::lock_mutex(*m);
}

int pthread_mutex_trylock(pthread_mutex_t* m) noexcept {
    return posix::view(*m).is_ours() ? posix::try_lock(posix::view(*m))
                                     : posix::next::pthread_mutex_trylock(m);
}

int pthread_mutex_timedlock(pthread_mutex_t* m, const timespec* when) noexcept {
    return posix::view(*m).is_ours() ? posix::lock_until(*m, CLOCK_REALTIME, *when)
                                     : posix::next::pthread_mutex_timedlock(m, when);
}

int pthread_mutex_clocklock(pthread_mutex_t* m, clockid_t which, const timespec* when) noexcept {
    return posix::view(*m).is_ours() ? posix::lock_until(*m, which, *when)
                                     : posix::next::pthread_mutex_clocklock(m, which, when);
}

int pthread_mutex_unlock(pthread_mutex_t* m) noexcept {
    return posix::unlock_mutex(*m);
}

int pthread_mutex_destroy(pthread_mutex_t* m) noexcept {
    posix::view ours(*m);
    return ours.is_ours() ? ours.destroy() : posix::next::pthread_mutex_destroy(m);
}

}  // extern "C"
