// SPDX-License-Identifier: Apache-2.0
//
// group_quota: so much CPU time in each period, on all workers together; the kernel's CFS bandwidth
// control with one pool. Where it is used up the group is *throttled*: its members that are
// runnable wait here, those that run stop when they next can, until the period's end. What they
// have used beyond the quota is missing in the next period.
//
// Periods follow each other from the group's start on. While a group is not throttled no timer
// runs for it: the first charge after a period's end begins the next one.
//
// Thread safety: any thread, but set() before the others.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>

#include "base/atomic.h"
#include "base/clock.h"
#include "base/spinlock.h"
#include "sched/waiter_queue.h"

namespace weft::sched {

class group_quota {
public:
    /// `quota` 0: none.
    void set(base::nanoseconds_t quota, base::nanoseconds_t period,
             base::nanoseconds_t now) noexcept {
        quota_ = quota;
        period_ = period;
        left_.store(quota, base::relaxed);
        period_end_.store(now + period, base::relaxed);
        times_throttled_.store(0, base::relaxed);
    }

    [[nodiscard]] bool exists() const noexcept { return quota_ != 0; }

    /// Members have used `ns` until `now`. True: they are throttled because of that, and the caller
    /// sees to it that refill() is called at period_end().
    bool charge(std::uint64_t ns, base::nanoseconds_t now) noexcept {
        if (!exists()) {
            return false;
        }
        if (now >= period_end()) {
            begin_period(now);
        }
        const auto used = static_cast<base::nanoseconds_t>(ns);
        return left_.fetch_sub(used, base::relaxed) <= used && throttle();
    }

    [[nodiscard]] bool throttled() const noexcept { return throttled_.load(base::relaxed); }
    [[nodiscard]] base::nanoseconds_t period_end() const noexcept {
        return period_end_.load(base::relaxed);
    }
    [[nodiscard]] std::uint64_t times_throttled() const noexcept {
        return times_throttled_.load(base::relaxed);
    }

    /// If the group is throttled `w`, which is runnable, stands here from now on; whether it does.
    bool hold(waiter& w) noexcept {
        if (!throttled()) {
            return false;
        }
        const base::spin_guard guard(lock_);
        if (!throttled()) {
            return false;
        }
        waiting_.push_back(w);
        return true;
    }

    /// False if more has been used than the new period has: throttled until the next period_end().
    /// Else the group is not throttled any more, and those that stood here go to `out`.
    bool refill(base::nanoseconds_t now, waiter_queue& out) noexcept {
        const base::spin_guard guard(lock_);
        add_periods(now);
        if (left_.load(base::relaxed) <= 0) {
            return false;
        }
        throttled_.store(false, base::relaxed);
        out = std::exchange(waiting_, {});
        return true;
    }

private:
    void begin_period(base::nanoseconds_t now) noexcept {
        const base::spin_guard guard(lock_);
        if (!throttled()) {
            add_periods(now);
        }
    }

    bool throttle() noexcept {
        const base::spin_guard guard(lock_);
        if (throttled() || left_.load(base::relaxed) > 0) {
            return false;
        }
        throttled_.store(true, base::relaxed);
        times_throttled_.store(times_throttled() + 1, base::relaxed);
        return true;
    }

    /// Those that have begun by `now`. What one leaves is lost.
    void add_periods(base::nanoseconds_t now) noexcept WEFT_REQUIRES(lock_) {
        if (now < period_end()) {
            return;
        }
        const base::nanoseconds_t begun = (now - period_end()) / period_ + 1;
        period_end_.store(period_end() + begun * period_, base::relaxed);
        const base::nanoseconds_t missing = quota_ - left_.load(base::relaxed);
        const bool enough = missing / quota_ < begun;
        left_.fetch_add(enough ? missing : begun * quota_, base::relaxed);
    }

    base::nanoseconds_t quota_ = 0;
    base::nanoseconds_t period_ = 0;
    base::atomic<base::nanoseconds_t> left_{0};  // below 0: used beyond the quota
    base::atomic<base::nanoseconds_t> period_end_{0};
    base::atomic<std::uint64_t> times_throttled_{0};
    base::atomic<bool> throttled_{false};
    base::spinlock lock_;  // of what is not a plain charge
    waiter_queue waiting_ WEFT_GUARDED_BY(lock_);
};

}  // namespace weft::sched
