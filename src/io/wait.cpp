// SPDX-License-Identifier: Apache-2.0
#include "io/wait.h"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <ctime>

#include "sched/current.h"

namespace weft::io {

int park_until_ready(poll_descriptor& d, direction dir, deadline until) noexcept {
    if (until.expired()) {
        return -ETIMEDOUT;
    }
    poll_wait wait(sched::this_waiter());
    if (const int error = d.start_wait(dir, wait)) {
        return error == EAGAIN ? 0 : -error;
    }
    const sched::wake_reason reason = wait.who.park(until.nanoseconds());
    return -d.finish_wait(dir, wait, reason);
}

int block_until_ready(poll_descriptor& d, direction dir, deadline until) noexcept {
    pollfd wanted{.fd = d.fd(),
                  .events = static_cast<short>(dir == direction::read ? POLLIN : POLLOUT),
                  .revents = 0};
    for (;;) {
        timespec left{};
        if (!until.is_never()) {
            // Not the difference alone: a deadline may lie before the beginning of time.
            const auto now = base::now_ns();
            const auto ns = std::max(until.nanoseconds(), now) - now;
            left = {.tv_sec = ns / 1'000'000'000, .tv_nsec = ns % 1'000'000'000};
        }
        const int ready = ::ppoll(&wanted, 1, until.is_never() ? nullptr : &left, nullptr);
        if (d.closed()) {
            return -ECANCELED;
        }
        if (ready > 0) {
            return 0;
        }
        if (ready == 0) {
            return -ETIMEDOUT;
        }
        if (errno != EINTR) {
            return -errno;
        }
    }
}

int wait_until_ready(poll_descriptor& d, direction dir, deadline until) noexcept {
    return sched::on_fiber() ? park_until_ready(d, dir, until) : block_until_ready(d, dir, until);
}

void sleep_until(deadline until) noexcept {
    sched::waiter& me = sched::this_waiter();
    me.prepare();
    me.park(until.nanoseconds());
}

void let_others_run(poll_descriptor& d) noexcept {
    if (d.has_run_long()) [[unlikely]] {
        sched::yield();
    }
}

}  // namespace weft::io
