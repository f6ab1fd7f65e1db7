// SPDX-License-Identifier: Apache-2.0
//
// What is known of a child process. Its status is taken from the kernel once, under the lock, and
// kept; as long as it is not taken the number of the process, and of a group that it leads, cannot
// be used again.
#pragma once

#include <weft/process.h>

#include <optional>

#include "base/fd.h"
#include "base/spinlock.h"

namespace weft {

struct child_process::state {
    /// Takes the status if the child has ended: 0, EAGAIN if it has not, or another errno value.
    int try_reap() noexcept;

    /// 0 or an errno value.
    int send(int signal) noexcept;
    int send_to_group(int signal) noexcept;

    /// Kills it and waits for its end.
    void end() noexcept;

    /// After try_reap() has returned 0.
    [[nodiscard]] exit_status status() noexcept;

    // Written before others see it.
    pid_t id = 0;
    base::unique_fd pidfd;
    bool leads_group = false;

private:
    int reap(int options) noexcept WEFT_REQUIRES(lock_);

    base::spinlock lock_;
    std::optional<exit_status> status_ WEFT_GUARDED_BY(lock_);
    int error_ WEFT_GUARDED_BY(lock_) = 0;  ///< why the status is lost
};

struct process_access {
    static child_process::state* state(child_process& child) noexcept { return child.state_.get(); }
};

}  // namespace weft
