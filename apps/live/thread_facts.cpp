// SPDX-License-Identifier: Apache-2.0
#include "thread_facts.h"

#include <algorithm>
#include <cerrno>
#include <ctime>

#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace weft::live {

namespace {

nanoseconds read_clock(clockid_t which) noexcept {
    timespec now{};
    ::clock_gettime(which, &now);
    return static_cast<nanoseconds>(now.tv_sec) * sim::second +
           static_cast<nanoseconds>(now.tv_nsec);
}

std::error_code last_error() noexcept {
    return {errno, std::generic_category()};
}

/// struct sched_attr of sched_setattr(2) in its first version, which Debian 12 has in a header that
/// cannot be included beside <sched.h>.
struct scheduling_attributes {
    std::uint32_t size;
    std::uint32_t policy;
    std::uint64_t flags;
    std::int32_t nice;
    std::uint32_t priority;
    std::uint64_t runtime;
    std::uint64_t deadline;
    std::uint64_t period;
};
static_assert(sizeof(scheduling_attributes) == 48);

}  // namespace

nanoseconds steady_now() noexcept {
    return read_clock(CLOCK_MONOTONIC);
}

nanoseconds cpu_time_of_thread() noexcept {
    return read_clock(CLOCK_THREAD_CPUTIME_ID);
}

switch_counts switches_of_thread() noexcept {
    rusage use{};
    ::getrusage(RUSAGE_THREAD, &use);
    return {.voluntary = static_cast<std::uint64_t>(use.ru_nvcsw),
            .involuntary = static_cast<std::uint64_t>(use.ru_nivcsw)};
}

std::uint32_t cpu_of_thread() noexcept {
    return static_cast<std::uint32_t>(std::max(::sched_getcpu(), 0));
}

pid_t number_of_thread() noexcept {
    return static_cast<pid_t>(::syscall(SYS_gettid));
}

std::vector<std::uint32_t> allowed_cpus() {
    cpu_set_t set;
    CPU_ZERO(&set);
    std::vector<std::uint32_t> cpus;
    if (::sched_getaffinity(0, sizeof set, &set) == 0) {
        for (std::uint32_t cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
            if (CPU_ISSET(cpu, &set)) {
                cpus.push_back(cpu);
            }
        }
    }
    return cpus;
}

std::error_code pin_thread(const std::vector<std::uint32_t>& cpus) noexcept {
    cpu_set_t set;
    CPU_ZERO(&set);
    for (const std::uint32_t cpu : cpus) {
        CPU_SET(cpu, &set);
    }
    return ::sched_setaffinity(0, sizeof set, &set) == 0 ? std::error_code() : last_error();
}

std::error_code set_nice_of_thread(int nice) noexcept {
    return ::setpriority(PRIO_PROCESS, 0, nice) == 0 ? std::error_code() : last_error();
}

int nice_of_thread() noexcept {
    return ::getpriority(PRIO_PROCESS, 0);
}

bool set_slice_of_thread(nanoseconds slice) noexcept {
    scheduling_attributes wanted{};
    if (::syscall(SYS_sched_getattr, 0, &wanted, sizeof wanted, 0) != 0) {
        return false;
    }
    wanted.size = sizeof wanted;
    wanted.flags = 0;
    wanted.runtime = slice;
    if (::syscall(SYS_sched_setattr, 0, &wanted, 0) != 0) {
        return false;
    }
    // A kernel that knows no slices takes the call and forgets the number.
    scheduling_attributes taken{};
    return ::syscall(SYS_sched_getattr, 0, &taken, sizeof taken, 0) == 0 && taken.runtime == slice;
}

nanoseconds kernel_tick() noexcept {
    timespec resolution{};
    ::clock_getres(CLOCK_MONOTONIC_COARSE, &resolution);
    return static_cast<nanoseconds>(resolution.tv_nsec);
}

}  // namespace weft::live
