// SPDX-License-Identifier: Apache-2.0
#include "sched/kernel_threads.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <limits>
#include <new>
#include <system_error>

#include "base/futex.h"
#include "base/signal_mask.h"
#include "sched/kernel_thread.h"
#include "sched/scheduler.h"

namespace weft::sched {

namespace {

constexpr base::nanoseconds_t look_again_after = 1'000'000;

}  // namespace

void kernel_threads::start_one(worker* role) {
    if (threads_.empty()) {
        signals_ = base::blocked_signals();
    }
    threads_.emplace_back([this, role] {
        kernel_thread(owner_).run(role);
        alive_.fetch_sub(1, base::release);
        base::futex_wake(alive_);
    });
    alive_.fetch_add(1, base::relaxed);
    set_count();
}

void kernel_threads::start_maker() {
    std::call_once(maker_once_, [this] {
        const base::signals_blocked none(base::all_but_faults());
        maker_ = std::thread([this] { make_spares(); });
    });
}

void kernel_threads::want_spare(bool needed) noexcept {
    raise(needed ? a_needed_spare : a_spare);
}

void kernel_threads::raise(wish wanted) noexcept {
    std::uint32_t before = wanted_.load(base::relaxed);
    while (before < wanted) {
        if (wanted_.compare_exchange_weak(before, wanted, base::acq_rel, base::relaxed)) {
            base::futex_wake(wanted_);
            return;
        }
    }
}

void kernel_threads::make_spares() noexcept {
    for (;;) {
        const base::nanoseconds_t look_at = next_look();
        base::futex_wait(wanted_, nothing, look_at);
        std::uint32_t wanted = wanted_.load(base::acquire);
        if (wanted == the_end) {
            return;
        }
        if (wanted >= a_spare) {
            make_wanted(wanted == a_needed_spare);
        }
        if (wanted != nothing) {
            // Only now, so that one wish makes one thread. The end may have come in between.
            wanted_.compare_exchange_strong(wanted, nothing, base::acq_rel);
        }
        if (base::now_ns() >= look_at) {
            look_at_spares();
        }
    }
}

void kernel_threads::make_wanted(bool needed) noexcept {
    const bool made = make_spare();
    if (!made) {
        failures_.fetch_add(1, base::relaxed);
    }
    if (!made && needed && !std::exchange(said_at_cap_, true)) {
        say_at_cap();
    }
}

bool kernel_threads::at_cap() const noexcept {
    return count() >= owner_.worker_count() &&
           count() - owner_.worker_count() >= owner_.options().most_threads;
}

bool kernel_threads::make_spare() noexcept {
    refusal_ = 0;
    if (at_cap()) {
        return false;
    }
    const base::signals_blocked inherited(signals_);
    try {
        start_one(nullptr);
        return true;
    } catch (const std::system_error& e) {
        refusal_ = e.code().value();
    } catch (const std::bad_alloc&) {
        refusal_ = ENOMEM;
    }
    return false;
}

void kernel_threads::say_at_cap() noexcept {
    const char* const before =
        "kernel threads run fibers or hold such as were preempted or block in the kernel, and";
    const char* const after = "others wait until some of them go on";
    if (refusal_ != 0) {
        std::fprintf(stderr, "weft: %zu %s the system refuses more (%s); %s\n", threads_.size(),
                     before, std::strerror(refusal_), after);
    } else {
        std::fprintf(stderr,
                     "weft: %zu %s no more are to be had (runtime_options::most_kernel_threads); "
                     "%s\n",
                     threads_.size(), before, after);
    }
}

kernel_thread* kernel_threads::take_spare() noexcept {
    const base::spin_guard guard(lock_);
    waiter* const spare = spares_.pop_front();
    if (spare != nullptr) {
        const std::size_t left = spare_count_.load(base::relaxed) - 1;
        spare_count_.store(left, base::relaxed);
        fewest_spares_ = std::min(fewest_spares_, left);
    }
    return static_cast<kernel_thread*>(spare);
}

bool kernel_threads::put_spare(kernel_thread& thread) noexcept {
    bool too_many = false;
    {
        const base::spin_guard guard(lock_);
        if (ending_) {
            return false;
        }
        spares_.push_front(thread);
        const std::size_t count = spare_count_.load(base::relaxed) + 1;
        spare_count_.store(count, base::relaxed);
        too_many = count > kept_spares && !watches_;
    }
    if (too_many) {
        raise(a_look);
    }
    return true;
}

void kernel_threads::keep_unneeded_for(base::nanoseconds_t duration) noexcept {
    unneeded_for_.store(duration, base::relaxed);
}

/// By the maker: when it is to look at the spares; never, unless there are too many.
base::nanoseconds_t kernel_threads::next_look() noexcept {
    const base::spin_guard guard(lock_);
    const std::size_t count = spare_count_.load(base::relaxed);
    if (count <= kept_spares && ended_ == 0) {
        watches_ = false;
        look_at_ = base::time_never;
    } else if (!watches_) {
        watches_ = true;
        fewest_spares_ = count;
        look_at_ = base::now_ns() + unneeded_for_.load(base::relaxed);
    }
    return look_at_;
}

/// By the maker, when it has watched them for long enough.
void kernel_threads::look_at_spares() noexcept {
    join_ended();
    std::size_t unneeded = 0;
    {
        const base::spin_guard guard(lock_);
        watches_ = false;
        unneeded = fewest_spares_ > kept_spares ? fewest_spares_ - kept_spares : 0;
    }
    for (; unneeded != 0; --unneeded) {
        kernel_thread* const spare = take_spare();
        if (spare == nullptr || !end_spare(*spare)) {
            break;
        }
    }
}

/// By the maker. `spare` was taken out of the list, so nobody gives it a role any more. But the
/// monitor may know it from a worker, until the next holder of that role has told the worker.
bool kernel_threads::end_spare(kernel_thread& spare) noexcept {
    for (std::size_t i = 0; i < owner_.worker_count(); ++i) {
        if (owner_.worker_at(i).last_holder() == &spare) {
            put_spare(spare);
            return false;  // at the next look
        }
    }
    owner_.wait_for_monitor();
    const auto thread = std::ranges::find_if(threads_, [&](std::thread& each) {
        return ::pthread_equal(each.native_handle(), spare.handle()) != 0;
    });
    std::swap(*thread, threads_[ended_++]);
    set_count();
    spare.end();
    return true;
}

/// Not as soon as they are told to end: the program's thread-locals may take their time to be
/// destroyed, while spares are wanted.
void kernel_threads::join_ended() noexcept {
    for (; ended_ != 0; --ended_) {
        std::swap(threads_[ended_ - 1], threads_.back());
        threads_.back().join();
        threads_.pop_back();
    }
}

void kernel_threads::join() noexcept {
    if (maker_.joinable()) {
        wanted_.store(the_end, base::release);
        base::futex_wake(wanted_);
        maker_.join();
    }
    {
        const base::spin_guard guard(lock_);
        ending_ = true;
    }
    // One that lost its role may wait for another, although nothing is left to run on it: its last
    // coroutine has ended, and a tick came before it was back on its base.
    for (;;) {
        while (kernel_thread* const spare = take_spare()) {
            spare->end();
        }
        waiter_queue injected;
        owner_.take_injected(injected, std::numeric_limits<std::size_t>::max());
        while (waiter* const late = injected.pop_front()) {
            static_cast<kernel_thread*>(late)->end();
        }
        const std::uint32_t alive = alive_.load(base::acquire);
        if (alive == 0) {
            break;
        }
        base::futex_wait(alive_, alive, base::now_ns() + look_again_after);
    }
    for (auto& thread : threads_) {
        thread.join();
    }
    threads_.clear();
    ended_ = 0;
    count_.store(0, base::relaxed);
}

}  // namespace weft::sched
