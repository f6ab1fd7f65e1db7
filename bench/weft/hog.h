// SPDX-License-Identifier: Apache-2.0
//
// What computes without a call into weft or the kernel, and so never gives way by itself.
#pragma once

#include <atomic>
#include <cstdint>

#include "common/harness.h"

namespace bench {

/// Computes until `stop`; the CPU time that it had, in nanoseconds. On a fiber, too: one that never
/// waits keeps its kernel thread, and nobody else runs there meanwhile.
inline std::int64_t compute_until(const std::atomic<bool>& stop) {
    const std::int64_t before = thread_cpu_nanoseconds();
    while (!stop.load(std::memory_order_relaxed)) {
    }
    return thread_cpu_nanoseconds() - before;
}

}  // namespace bench
