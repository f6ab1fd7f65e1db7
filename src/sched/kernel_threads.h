// SPDX-License-Identifier: Apache-2.0
//
// kernel_threads: all threads of a scheduler, and those that are spare: without a role, ready to
// take one over.
//
// Thread safety: any thread. Only start_one() allocates and may block; the handler of the tick may
// call the rest.
#pragma once

#include <cstddef>
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

    /// One that runs `role`, or a spare. Throws std::system_error, std::bad_alloc. Not beside
    /// itself or join().
    void start_one(worker* role);

    /// Null if there is none.
    kernel_thread* take_spare() noexcept;

    /// False if it shall end instead.
    bool put_spare(kernel_thread& thread) noexcept;

    /// After take_spare(), by who does not need it after all.
    void return_spare(kernel_thread& thread) noexcept;

    /// All end that are spare or become so, and the others end for reasons of their own.
    void join() noexcept;

    [[nodiscard]] std::size_t spares() const noexcept { return spare_count_.load(base::relaxed); }
    /// That were started and not joined.
    [[nodiscard]] std::size_t count() const noexcept { return count_.load(base::relaxed); }

private:
    scheduler& owner_;
    std::vector<std::thread> threads_;
    base::atomic<std::size_t> count_{0};
    base::spinlock lock_;
    waiter_queue spares_ WEFT_GUARDED_BY(lock_);  // the last one first: its stack is warm
    base::atomic<std::size_t> spare_count_{0};
    bool ending_ WEFT_GUARDED_BY(lock_) = false;
};

}  // namespace weft::sched
