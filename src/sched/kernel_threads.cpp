// SPDX-License-Identifier: Apache-2.0
#include "sched/kernel_threads.h"

#include "sched/kernel_thread.h"

namespace weft::sched {

void kernel_threads::start_one(worker* role) {
    threads_.emplace_back([this, role] { kernel_thread(owner_).run(role); });
    count_.store(threads_.size(), base::relaxed);
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

void kernel_threads::return_spare(kernel_thread& thread) noexcept {
    if (!put_spare(thread)) {
        thread.end();
    }
}

void kernel_threads::join() noexcept {
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
