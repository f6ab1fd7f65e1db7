// SPDX-License-Identifier: Apache-2.0
#include "base/prompt_thread.h"

#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

namespace weft::base {

namespace {

/// struct sched_attr in its first version; <linux/sched/types.h> cannot be included beside
/// <sched.h> on Debian 12.
struct attributes {
    std::uint32_t size;
    std::uint32_t policy;
    std::uint64_t flags;
    std::int32_t nice;
    std::uint32_t priority;
    std::uint64_t runtime;
    std::uint64_t deadline;
    std::uint64_t period;
};
static_assert(sizeof(attributes) == 48, "the kernel's SCHED_ATTR_SIZE_VER0");

constexpr std::uint64_t shortest_slice = 100'000;  // of the kernel; it clamps
constexpr std::uint64_t reset_on_fork = 1;         // SCHED_FLAG_RESET_ON_FORK

}  // namespace

void wake_promptly() noexcept {
    attributes own{};
    if (::syscall(SYS_sched_getattr, 0, &own, sizeof own, 0) == 0 && own.policy == SCHED_OTHER) {
        own.size = sizeof own;
        own.flags = (own.flags & reset_on_fork) | (own.nice < 0 ? 0 : reset_on_fork);
        own.runtime = shortest_slice;
        ::syscall(SYS_sched_setattr, 0, &own, 0);
    }
}

void sleep_exactly() noexcept {
    ::prctl(PR_SET_TIMERSLACK, 1);
}

}  // namespace weft::base
