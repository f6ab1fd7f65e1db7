// SPDX-License-Identifier: Apache-2.0
//
// What tests of preemption share. Any thread.
#pragma once

#include <weft/runtime.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>

namespace weft {

inline constexpr runtime_options one_worker{.workers = 1};

/// Computes until `stop`, in calls of nothing.
void compute_until(const std::atomic<bool>& stop);

/// Computes for some 30 us. Tests count such steps rather than CPU time: where others want the CPU,
/// reading the clock of CPU time lets the kernel switch to them at once, before the tick that
/// preempts comes.
void compute_a_step();

/// Without WEFT_STRESS=migrate, under which all that is runnable goes through one queue.
class one_queue_each {
public:
    one_queue_each();
    ~one_queue_each();
    one_queue_each(const one_queue_each&) = delete;
    one_queue_each& operator=(const one_queue_each&) = delete;

private:
    std::string before_;
};

/// That the calling thread, and the process, have used.
std::chrono::nanoseconds cpu_time();
std::chrono::nanoseconds process_cpu_time();

/// Of all workers.
std::uint64_t preempted(const runtime& rt);
std::uint64_t blocked(const runtime& rt);
std::uint64_t stolen(const runtime& rt);

}  // namespace weft
