// SPDX-License-Identifier: Apache-2.0
#include "sched/kernel_threads.h"

#include <cstdio>
#include <exception>

#include "base/futex.h"
#include "sched/kernel_thread.h"
#include "sched/scheduler.h"

namespace weft::sched {

void kernel_threads::start_one(worker* role) {
    threads_.emplace_back([this, role] { kernel_thread(owner_).run(role); });
    count_.store(threads_.size(), base::relaxed);
}

void kernel_threads::start_maker() {
    std::call_once(maker_once_, [this] { maker_ = std::thread([this] { make_spares(); }); });
}

void kernel_threads::want_spare() noexcept {
    std::uint32_t expected = nothing;
    if (wanted_.compare_exchange_strong(expected, a_spare, base::acq_rel)) {
        base::futex_wake(wanted_);
    }
}

void kernel_threads::make_spares() noexcept {
    bool said_at_cap = false;
    for (;;) {
        std::uint32_t wanted = wanted_.load(base::acquire);
        while (wanted == nothing) {
            base::futex_wait(wanted_, nothing);
            wanted = wanted_.load(base::acquire);
        }
        if (wanted == the_end) {
            return;
        }
        bool made = false;
        if (threads_.size() < owner_.worker_count() + owner_.options().most_threads) {
            try {
                start_one(nullptr);
                made = true;
            } catch (const std::exception&) {  // the system refuses: as at the cap
            }
        }
        at_cap_.store(!made, base::relaxed);
        if (!made && !std::exchange(said_at_cap, true)) {
            say_at_cap();
        }
        // Only now, so that one wish makes one thread. The end may have come in between.
        wanted_.compare_exchange_strong(wanted, nothing, base::acq_rel);
    }
}

void kernel_threads::say_at_cap() const noexcept {
    std::fprintf(stderr,
                 "weft: %zu kernel threads run fibers or hold such as were preempted or block in "
                 "the kernel, and no more are to be had; others wait until some of them go on "
                 "(runtime_options::most_kernel_threads)\n",
                 threads_.size());
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
    while (kernel_thread* const spare = take_spare()) {
        spare->end();
    }
    for (auto& thread : threads_) {
        thread.join();
    }
    threads_.clear();
    count_.store(0, base::relaxed);
}

}  // namespace weft::sched
