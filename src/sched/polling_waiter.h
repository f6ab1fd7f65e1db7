// SPDX-License-Identifier: Apache-2.0
//
// polling_waiter: a plain thread that waits for descriptors beside what wakes waiters. It sleeps in
// ppoll(2); a wake() makes an eventfd of its readable.
//
// wake() touches the waiter after it has won. So it may stand only where each waker holds a lock
// that the owner takes before it goes on, as it is with nodes that have several wakers
// (sync/wait_queue.h), and with stop_watch and std::stop_callback.
#pragma once

#include <poll.h>

#include <vector>

#include "base/clock.h"
#include "base/fd.h"
#include "sched/waiter.h"

namespace weft::sched {

class polling_waiter final : public waiter {
public:
    /// Owns `event`, an eventfd that does not block.
    polling_waiter(base::unique_fd event, std::vector<pollfd> descriptors);

    /// As park(), which is not for this one; also ends, as if it was woken, when one of the
    /// descriptors may be used or poll(2) fails.
    wake_reason poll(base::nanoseconds_t deadline) noexcept;

    /// By wake().
    void signal() noexcept;

private:
    base::unique_fd event_;
    std::vector<pollfd> entries_;  // the last one is the event's
};

}  // namespace weft::sched
