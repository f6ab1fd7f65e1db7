// SPDX-License-Identifier: Apache-2.0
//
// kernel_threads: all threads of a scheduler, and those that are spare: without a role, ready to
// take one over.
//
// Spares are started by a thread of its own, the *maker*: to start a thread takes the allocator's
// lock, which a suspended kernel thread may hold, and then everybody but the maker must be able to
// go on.
//
// Spares that are not needed end: the maker counts the fewest that there were at any moment of the
// last seconds, and ends as many, but for a few. It wakes for that only while there are more than
// those few.
//
// Thread safety: any thread, but join() from one, and start_one() from that one before the maker
// starts, then by the maker. The handler of the tick may call want_spare() and take_spare().
#pragma once

#include <signal.h>

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

#include "base/spinlock.h"
#include "sched/waiter_queue.h"

namespace weft::sched {

class kernel_thread;
class scheduler;
class worker;

class kernel_threads {
public:
    explicit kernel_threads(scheduler& owner) noexcept : owner_(owner) {}
    kernel_threads(const kernel_threads&) = delete;
    kernel_threads& operator=(const kernel_threads&) = delete;

    /// One that runs `role`. Throws std::system_error, std::bad_alloc. Before start_maker().
    void start_one(worker* role);

    /// From now on spares are made when want_spare() is called. Nothing if that is so already. Any
    /// thread, in user code. Throws std::system_error.
    void start_maker();
    /// `needed`: somebody waits for it; where it cannot be had, that is said once.
    void want_spare(bool needed) noexcept;

    /// Null if there is none.
    kernel_thread* take_spare() noexcept;

    /// False if it shall end instead.
    bool put_spare(kernel_thread& thread) noexcept;

    /// How many spares are kept although nobody needs them.
    static constexpr std::size_t kept_spares = 4;
    /// For how long others are, 5 s at first. Any thread.
    void keep_unneeded_for(base::nanoseconds_t duration) noexcept;

    /// All end that are spare or become so or wait for a role, and the others end for reasons of
    /// their own.
    void join() noexcept;

    [[nodiscard]] std::size_t spares() const noexcept { return spare_count_.load(base::relaxed); }
    /// How often one that was wanted could not be made.
    [[nodiscard]] std::uint64_t failures() const noexcept { return failures_.load(base::relaxed); }
    /// Whether there are as many as there may be.
    [[nodiscard]] bool at_cap() const noexcept;
    /// That were started and not told to end.
    [[nodiscard]] std::size_t count() const noexcept { return count_.load(base::relaxed); }
    /// What they begin with blocked.
    [[nodiscard]] const sigset_t& blocked_signals() const noexcept { return signals_; }

private:
    /// Of wanted_. A wish takes the place of lesser ones.
    enum wish : std::uint32_t { nothing, a_look, a_spare, a_needed_spare, the_end };

    void raise(wish wanted) noexcept;
    void make_spares() noexcept;
    bool make_spare() noexcept;
    void make_wanted(bool needed) noexcept;
    void say_at_cap() noexcept;
    [[nodiscard]] base::nanoseconds_t next_look() noexcept;
    void look_at_spares() noexcept;
    bool end_spare(kernel_thread& spare) noexcept;
    void join_ended() noexcept;
    void set_count() noexcept { count_.store(threads_.size() - ended_, base::relaxed); }

    scheduler& owner_;
    std::vector<std::thread> threads_;  // the maker's, once that runs
    std::size_t ended_ = 0;             // the first ones of threads_, to be joined
    std::once_flag maker_once_;
    std::thread maker_;
    base::atomic<std::uint32_t> wanted_{nothing};  // futex word
    base::atomic<std::size_t> count_{0};
    base::atomic<std::uint32_t> alive_{0};  // futex word
    sigset_t signals_{};                    // blocked where the first one was started
    int refusal_ = 0;                       // errno of the system, when it last refused a thread
    bool said_at_cap_ = false;
    base::atomic<std::uint64_t> failures_{0};
    base::spinlock lock_;
    waiter_queue spares_ WEFT_GUARDED_BY(lock_);  // the last one first: its stack is warm
    base::atomic<std::size_t> spare_count_{0};
    std::size_t fewest_spares_ WEFT_GUARDED_BY(lock_) = 0;  // since the maker began to watch them
    bool watches_ WEFT_GUARDED_BY(lock_) = false;           // the maker will look by itself
    base::nanoseconds_t look_at_ = base::time_never;        // the maker's
    base::atomic<base::nanoseconds_t> unneeded_for_{5'000'000'000};
    bool ending_ WEFT_GUARDED_BY(lock_) = false;
};

}  // namespace weft::sched
