// SPDX-License-Identifier: Apache-2.0
//
// poller: what the scheduler asks of the layer that waits for the kernel. `io` implements it,
// `runtime` passes it in; the scheduler never sees a descriptor.
#pragma once

#include "base/clock.h"

namespace weft::sched {

struct poll_result {
    int woken = 0;        ///< waiters; 0 after a timeout, an interruption or a signal
    bool ticked = false;  ///< the tick has come, see tick_in()
};

class poller {
public:
    poller() = default;
    poller(const poller&) = delete;
    poller& operator=(const poller&) = delete;
    virtual ~poller() = default;

    /// Waits until something is ready, interrupt() is called or `deadline` (0: does not wait at
    /// all) and wakes the waiters of what is ready, in the order in which it became ready, through
    /// waiter::wake. Called on a worker's own stack, so it must not park; by any number of workers
    /// at a time.
    virtual poll_result poll(base::nanoseconds_t deadline) noexcept = 0;

    /// Whether poll() would find something now. Any thread; never waits, wakes nobody.
    [[nodiscard]] virtual bool is_ready() const noexcept = 0;

    /// Makes one poll() say that the tick has come, `delay` from now or later; one that waits
    /// returns for it. Any thread. There is one tick: the last call counts.
    virtual void tick_in(base::nanoseconds_t delay) noexcept = 0;

    /// Makes one poll() that waits, or the next one that would, return at once. Any thread; may
    /// coalesce with earlier calls. Async-signal-safe.
    virtual void interrupt() noexcept = 0;
};

}  // namespace weft::sched
