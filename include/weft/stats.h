// SPDX-License-Identifier: Apache-2.0
//
// What a runtime has done so far, and holds now.
#pragma once

#include <cstdint>
#include <vector>

namespace weft {

/// Of one worker, since it was started, but for `queued`.
struct worker_stats {
    std::uint64_t started = 0;     ///< fibers and coroutines spawned on this worker
    std::uint64_t finished = 0;    ///< fibers and coroutines that ended on this worker
    std::uint64_t dispatched = 0;  ///< times that it ran something
    std::uint64_t stolen = 0;      ///< fibers and coroutines taken from other workers
    std::uint64_t slept = 0;       ///< times that it waited in the kernel for work
    std::uint64_t queued = 0;      ///< runnable now
    std::uint64_t preempted = 0;   ///< times that one which computed was made to let others run
    std::uint64_t blocked = 0;     ///< times that one blocked in the kernel and others went on
};

/// Of a runtime; runtime::stats().
struct runtime_stats {
    /// One entry for each worker.
    std::vector<worker_stats> workers;
    std::uint64_t kernel_threads = 0;  ///< that run fibers, or are suspended or spare
    std::uint64_t live = 0;            ///< fibers and coroutines started and not ended
    std::uint64_t start_failures = 0;  ///< fibers that ended at once because no stack was to be had
    std::uint64_t stacks_in_use = 0;   ///< handed out or in a worker's cache
    std::uint64_t stacks_mapped =
        0;  ///< stacks of the default size whose address range is reserved
};

}  // namespace weft
