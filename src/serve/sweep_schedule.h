// SPDX-License-Identifier: Apache-2.0
//
// sweep_schedule: when a forking server asks every child whether it has ended. Signals say which
// ones have, but the kernel merges those that wait to be read, so that after one more may have.
// Asking all is in vain for those that run on: that time, and only that, is limited to a share.
// Releasing a child that has ended takes many times as long and must be done anyway; counted with
// the rest, it kept a server whose clients had left together waiting for seconds.
#pragma once

#include <algorithm>

#include "base/clock.h"

namespace weft::serving {

class sweep_schedule {
public:
    /// The first of all children was started.
    void begin(base::nanoseconds_t now) noexcept { due_ = now + idle_interval; }

    /// A signal came: some child may have been missed.
    void want() noexcept {
        wanted_ = true;
        due_ = allowed_;
    }

    /// All have been asked. `in_vain`: CPU time, without that of releasing those that had ended.
    void swept(base::nanoseconds_t now, base::nanoseconds_t in_vain) noexcept {
        wanted_ = false;
        allowed_ = now + std::max(share * in_vain, shortest_interval);
        due_ = std::max(now + idle_interval, allowed_);
    }

    [[nodiscard]] bool wanted() const noexcept { return wanted_; }
    [[nodiscard]] base::nanoseconds_t due() const noexcept { return due_; }

private:
    static constexpr base::nanoseconds_t ms = 1'000'000;
    static constexpr base::nanoseconds_t share = 50;  // a fiftieth of the time
    static constexpr base::nanoseconds_t shortest_interval = 2 * ms;
    // Without any signal: another thread of the program may eat them.
    static constexpr base::nanoseconds_t idle_interval = 5000 * ms;

    bool wanted_ = false;
    base::nanoseconds_t due_ = 0;
    base::nanoseconds_t allowed_ = 0;
};

}  // namespace weft::serving
