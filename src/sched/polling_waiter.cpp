// SPDX-License-Identifier: Apache-2.0
#include "sched/polling_waiter.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <ctime>
#include <utility>

namespace weft::sched {

polling_waiter::polling_waiter(base::unique_fd event, std::vector<pollfd> descriptors)
    : waiter(waiter_kind::polling_thread),
      event_(std::move(event)),
      entries_(std::move(descriptors)) {
    entries_.push_back({.fd = event_.get(), .events = POLLIN, .revents = 0});
}

void polling_waiter::signal() noexcept {
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(event_.get(), &one, sizeof one);
}

wake_reason polling_waiter::poll(base::nanoseconds_t deadline) noexcept {
    if (!publish_parked()) {
        return finish_wait();
    }
    while (!notified()) {
        timespec left{};
        if (deadline != base::time_never) {
            const base::nanoseconds_t now = base::now_ns();
            const base::nanoseconds_t ns = std::max(deadline, now) - now;
            left = {.tv_sec = ns / 1'000'000'000, .tv_nsec = ns % 1'000'000'000};
        }
        const int ready = ::ppoll(entries_.data(), entries_.size(),
                                  deadline != base::time_never ? &left : nullptr, nullptr);
        if (ready == 0) {
            wake(wake_reason::timed_out);
            continue;
        }
        const bool has_event = ready > 0 && entries_.back().revents != 0;
        if (has_event) {
            // It may be that of the wait before, which was over before its waker had written.
            std::uint64_t count = 0;
            [[maybe_unused]] const auto emptied = ::read(event_.get(), &count, sizeof count);
        }
        if (ready > (has_event ? 1 : 0) || (ready < 0 && errno != EINTR)) {
            wake();
        }
    }
    return finish_wait();
}

}  // namespace weft::sched
