// SPDX-License-Identifier: Apache-2.0
#include "runtime/preemption_test_support.h"

#include <time.h>

#include <cstdlib>

namespace weft {

namespace {

/// ThreadSanitizer delivers signals only where its own functions are called.
void let_signals_in() {
#if defined(__SANITIZE_THREAD__)
    void* const memory = std::malloc(16);
    asm volatile("" : : "r"(memory) : "memory");  // else the compiler leaves both calls out
    std::free(memory);
#endif
}

}  // namespace

void compute_until(const std::atomic<bool>& stop) {
    while (!stop.load(std::memory_order_relaxed)) {
        let_signals_in();
    }
}

void compute_a_step() {
    for (int i = 0; i < 100'000; ++i) {
        asm volatile("" : : "r"(i));
    }
    let_signals_in();
}

one_queue_each::one_queue_each() {
    if (const char* const text = std::getenv("WEFT_STRESS")) {
        before_ = text;
        ::unsetenv("WEFT_STRESS");
    }
}

one_queue_each::~one_queue_each() {
    if (!before_.empty()) {
        ::setenv("WEFT_STRESS", before_.c_str(), 1);
    }
}

namespace {

std::chrono::nanoseconds time_of(clockid_t clock) {
    timespec used{};
    ::clock_gettime(clock, &used);
    return std::chrono::seconds(used.tv_sec) + std::chrono::nanoseconds(used.tv_nsec);
}

std::uint64_t sum(const runtime& rt, std::uint64_t worker_stats::* counter) {
    std::uint64_t all = 0;
    for (const worker_stats& each : rt.stats().workers) {
        all += each.*counter;
    }
    return all;
}

}  // namespace

std::chrono::nanoseconds cpu_time() {
    return time_of(CLOCK_THREAD_CPUTIME_ID);
}

std::chrono::nanoseconds process_cpu_time() {
    return time_of(CLOCK_PROCESS_CPUTIME_ID);
}

std::uint64_t preempted(const runtime& rt) {
    return sum(rt, &worker_stats::preempted);
}

std::uint64_t blocked(const runtime& rt) {
    return sum(rt, &worker_stats::blocked);
}

std::uint64_t stolen(const runtime& rt) {
    return sum(rt, &worker_stats::stolen);
}

}  // namespace weft
