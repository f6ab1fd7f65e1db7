// SPDX-License-Identifier: Apache-2.0
//
// What the kernel says of the calling kernel thread, and what one can ask it for it. Any thread;
// all of it is about the one that calls. Pinning and priorities of a thread end with it.
#pragma once

#include <cstdint>
#include <system_error>
#include <vector>

#include <sys/types.h>

#include "sched/durations.h"
#include "turn_log.h"

namespace weft::live {

/// Of the steady clock.
nanoseconds steady_now() noexcept;
/// CPU time that the thread has used; time that the hypervisor stole is not part of it.
nanoseconds cpu_time_of_thread() noexcept;
switch_counts switches_of_thread() noexcept;
std::uint32_t cpu_of_thread() noexcept;
pid_t number_of_thread() noexcept;

/// The CPUs that it may run on, ascending.
std::vector<std::uint32_t> allowed_cpus();
/// Threads that it starts from now on inherit it.
std::error_code pin_thread(const std::vector<std::uint32_t>& cpus) noexcept;

std::error_code set_nice_of_thread(int nice) noexcept;
int nice_of_thread() noexcept;

/// Its slice under the kernel's EEVDF (Linux 6.12 and later). False where the kernel does not take
/// it.
bool set_slice_of_thread(nanoseconds slice) noexcept;

/// The length of the kernel's timer tick.
nanoseconds kernel_tick() noexcept;

}  // namespace weft::live
