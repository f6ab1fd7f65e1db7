// SPDX-License-Identifier: Apache-2.0
//
// Waiting for a socket by whoever calls: a fiber parks, a plain thread blocks in poll(2). A
// coroutine that gets here called a function that blocks, which is a bug.
#pragma once

#include <poll.h>
#include <sys/types.h>

#include <cerrno>
#include <cstdint>

#include <weft/time.h>

#include "io/poll_descriptor.h"

namespace weft::io {

/// Waits until a call in this direction may succeed: 0 (try again), or an errno value, negated:
/// -ETIMEDOUT, -ECANCELED. What bounds the caller (<weft/scope.h>) counts, too. On a fiber, after
/// the call's try_ form said -EAGAIN.
int park_until_ready(poll_descriptor& d, direction dir, deadline until) noexcept;

/// A call whose wait ended with `error`. If that was the deadline or a stop, it is tried once more,
/// since the poller may not have looked for a while: a call that need not wait must succeed then.
template <class Try>
std::int64_t last_try(poll_descriptor& d, direction dir, int error, Try attempt) noexcept {
    if (error != -ETIMEDOUT && (error != -ECANCELED || d.closed())) {
        return error;
    }
    d.mark_ready(dir);
    const std::int64_t n = attempt();
    return n == -EAGAIN ? error : n;
}

/// Whether a plain thread may leave it to the kernel to end a call: nothing else can end it.
bool may_block(deadline until) noexcept;

/// poll(2) on one descriptor, by a plain thread: the events that came (more than 0), or an errno
/// value, negated: -ETIMEDOUT, -ECANCELED. If `owner` is not null and closed by then: -ECANCELED.
int block_until_event(int fd, short events, deadline until, const poll_descriptor* owner) noexcept;

/// As park_until_ready() on a plain thread, by the kernel. -EMFILE and the like if that takes a
/// descriptor and there is none.
int block_until_ready(poll_descriptor& d, direction dir, deadline until) noexcept;

/// Either, depending on who calls; then the try_ form may be used on a plain thread, too. Asserts
/// in a coroutine.
int wait_until_ready(poll_descriptor& d, direction dir, deadline until) noexcept;

/// Does nothing until `until`: 0, -ETIMEDOUT or -ECANCELED.
int sleep_until(deadline until) noexcept;

/// As poll(2) on one descriptor that does not wait: the events, 0, or an errno value, negated. Not
/// inlined: see the calls at the end of socket_ops.h.
[[gnu::noinline]] int events_now(int fd, short events) noexcept;

/// Until one of `events` comes at a descriptor that need not be weft's own: the events (more than
/// 0), or an errno value, negated: -ETIMEDOUT, -ECANCELED, -EBADF. On a fiber or plain thread;
/// asserts in a coroutine. What is there already counts, also after the deadline.
int wait_for_event(int fd, short events, deadline until) noexcept;

/// What poll(2) says of a descriptor that epoll refuses with EPERM.
inline int always_ready(std::uint32_t events) noexcept {
    return static_cast<int>(events & (POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM));
}

/// Lets other fibers run if this one has made many calls without having to wait.
void let_others_run(poll_descriptor& d) noexcept;
/// The same for calls on descriptors that are not weft's. By a fiber.
void let_others_run() noexcept;

}  // namespace weft::io
