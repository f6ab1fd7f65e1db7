// SPDX-License-Identifier: Apache-2.0
//
// poller: what the scheduler asks of the layer that waits for the kernel. `io` implements it,
// `runtime` passes it in; the scheduler never sees a descriptor.
#pragma once

#include "base/clock.h"

namespace weft::sched {

class poller {
public:
    poller() = default;
    poller(const poller&) = delete;
    poller& operator=(const poller&) = delete;
    virtual ~poller() = default;

    /// Waits until something is ready, interrupt() is called or `deadline` (0: does not wait at
    /// all) and wakes the waiters of what is ready, in the order in which it became ready, through
    /// waiter::wake. Returns how many it woke; 0 after a timeout, an interruption or a signal.
    /// Called on a worker's own stack, so it must not park; by any number of workers at a time.
    virtual int poll(base::nanoseconds_t deadline) noexcept = 0;

    /// Makes one poll() that waits, or the next one that would, return at once. Any thread; may
    /// coalesce with earlier calls. Async-signal-safe.
    virtual void interrupt() noexcept = 0;
};

}  // namespace weft::sched
