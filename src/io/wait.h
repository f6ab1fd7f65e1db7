// SPDX-License-Identifier: Apache-2.0
//
// Waiting for a socket by whoever calls: a fiber parks, a plain thread blocks in poll(2). A
// coroutine that gets here called a function that blocks, which is a bug.
#pragma once

#include <sys/types.h>

#include <cerrno>

#include <weft/time.h>

#include "io/poll_descriptor.h"

namespace weft::io {

/// Waits until a call in this direction may succeed: 0 (try again), or an errno value, negated:
/// -ETIMEDOUT, -ECANCELED. What bounds the caller (<weft/scope.h>) counts, too. On a fiber, after
/// the call's try_ form said -EAGAIN.
int park_until_ready(poll_descriptor& d, direction dir, deadline until) noexcept;

/// A call whose wait ended with `error`. If that was the deadline, it is tried once more, since the
/// poller may not have looked for a while: a call that need not wait must not time out.
template <class Try>
ssize_t last_try(poll_descriptor& d, direction dir, int error, Try attempt) noexcept {
    if (error != -ETIMEDOUT) {
        return error;
    }
    d.mark_ready(dir);
    const ssize_t n = attempt();
    return n == -EAGAIN ? error : n;
}

/// Whether a plain thread may leave it to the kernel to end a call: nothing else can end it.
bool may_block(deadline until) noexcept;

/// As park_until_ready() on a plain thread, by the kernel.
int block_until_ready(poll_descriptor& d, direction dir, deadline until) noexcept;

/// Either, depending on who calls.
int wait_until_ready(poll_descriptor& d, direction dir, deadline until) noexcept;

/// Does nothing until `until`: 0, -ETIMEDOUT or -ECANCELED.
int sleep_until(deadline until) noexcept;

/// Lets other fibers run if this one has made many calls without having to wait.
void let_others_run(poll_descriptor& d) noexcept;

}  // namespace weft::io
