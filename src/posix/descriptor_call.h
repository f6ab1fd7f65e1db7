// SPDX-License-Identifier: Apache-2.0
//
// A blocking call on a descriptor, by a fiber: tried without waiting, then again when the
// descriptor is ready. A descriptor in non-blocking mode is left alone: there the first outcome
// counts, as its owner wants it. The timeouts of SO_RCVTIMEO and SO_SNDTIMEO hold.
//
// Whether it is in that mode is asked when a call would wait, since anybody may change it.
#pragma once

#include <poll.h>
#include <sys/types.h>

#include <cerrno>

#include <weft/time.h>

#include "io/wait.h"
#include "posix/caller.h"

namespace weft::posix {

/// One call's waits. Outcomes are 0, or an errno value, negated.
class descriptor_wait {
public:
    /// `event`: POLLIN or POLLOUT.
    descriptor_wait(int fd, short event) noexcept : fd_(fd), event_(event) {}

    /// After the call said that it would wait. 0: try again. -EAGAIN: that is the outcome: the
    /// descriptor does not block, or its timeout has passed. -ECANCELED and -ETIMEDOUT: what bounds
    /// the fiber ended it.
    int wait() noexcept;

    /// The same where nothing tells when to try again: in a while.
    int pause() noexcept;

    /// Before a call that cannot be tried without waiting. If others use the descriptor, too, it
    /// may wait all the same; then its kernel thread does.
    int wait_before() noexcept;

private:
    int find_limit() noexcept;

    const int fd_;
    const short event_;
    bool knows_limit_ = false;
    deadline until_;
};

/// Tries until the outcome of `attempt` is not -EAGAIN, or the wait is over.
template <class Attempt>
ssize_t attempt_until_ready(int fd, short event, Attempt attempt) noexcept {
    ssize_t outcome = attempt();
    if (outcome != -EAGAIN) {
        let_others_run();
        return outcome;
    }
    descriptor_wait ready(fd, event);
    do {
        if (const int error = ready.wait()) {
            return error;
        }
        outcome = attempt();
    } while (outcome == -EAGAIN);
    return outcome;
}

/// Once the descriptor is ready, for calls that cannot be tried without waiting.
template <class Call>
ssize_t call_when_ready(int fd, short event, Call call) noexcept {
    descriptor_wait ready(fd, event);
    if (const int error = ready.wait_before()) {
        return error;
    }
    return outcome_of(call());
}

}  // namespace weft::posix
