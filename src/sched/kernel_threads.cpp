// SPDX-License-Identifier: Apache-2.0
#include "sched/kernel_threads.h"

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
    count_.store(threads_.size(), base::relaxed);
}

void kernel_threads::start_maker() {
    std::call_once(maker_once_, [this] {
        const base::signals_blocked none(base::all_but_faults());
        maker_ = std::thread([this] { make_spares(); });
    });
}

void kernel_threads::want_spare(bool needed) noexcept {
    std::uint32_t wanted = wanted_.load(base::relaxed);
    const std::uint32_t spare = needed ? a_needed_spare : a_spare;
    while (wanted < spare) {
        if (wanted_.compare_exchange_weak(wanted, spare, base::acq_rel, base::relaxed)) {
            base::futex_wake(wanted_);
            return;
        }
    }
}

void kernel_threads::make_spares() noexcept {
    for (;;) {
        std::uint32_t wanted = wanted_.load(base::acquire);
        while (wanted == nothing) {
            base::futex_wait(wanted_, nothing);
            wanted = wanted_.load(base::acquire);
        }
        if (wanted == the_end) {
            return;
        }
        const bool made = make_spare();
        if (!made) {
            failures_.fetch_add(1, base::relaxed);
        }
        if (!made && wanted == a_needed_spare && !std::exchange(said_at_cap_, true)) {
            say_at_cap();
        }
        // Only now, so that one wish makes one thread. The end may have come in between.
        wanted_.compare_exchange_strong(wanted, nothing, base::acq_rel);
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
        spare_count_.store(spare_count_.load(base::relaxed) - 1, base::relaxed);
    }
    return static_cast<kernel_thread*>(spare);
}

bool kernel_threads::put_spare(kernel_thread& thread) noexcept {
    const base::spin_guard guard(lock_);
    if (ending_) {
        return false;
    }
    spares_.push_front(thread);
    spare_count_.store(spare_count_.load(base::relaxed) + 1, base::relaxed);
    return true;
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
    count_.store(0, base::relaxed);
}

}  // namespace weft::sched
