// SPDX-License-Identifier: Apache-2.0
#include "tls/turn.h"

#include <cerrno>

#include "sched/cancellable_wait.h"

namespace weft::tls {

int error_of(sched::wake_reason reason) noexcept {
    switch (reason) {
        case sched::wake_reason::timed_out:
            return -ETIMEDOUT;
        case sched::wake_reason::cancelled:
            return -ECANCELED;
        default:
            return 0;
    }
}

int turn::wait(deadline until) noexcept {
    sched::cancellable_wait wait(until);
    if (wait.until().expired()) {
        return -ETIMEDOUT;
    }
    if (!start(wait.who)) {
        return 0;
    }
    const sched::wake_reason reason = wait.park();
    finish();
    return error_of(reason);
}

}  // namespace weft::tls
