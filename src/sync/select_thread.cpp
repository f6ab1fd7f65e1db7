// SPDX-License-Identifier: Apache-2.0
//
// A plain thread that selects among sockets, too: what is no socket wakes it through an eventfd.
#include <poll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <new>
#include <vector>

#include <weft/detail/cancel_scope.h>

#include "base/error.h"
#include "base/fd.h"
#include "sched/polling_waiter.h"
#include "sync/select_core.h"

namespace weft::sync {

namespace {

sched::wake_reason poll(sched::polling_waiter& who, sched::stop_watch* watch,
                        deadline until) noexcept {
    if (watch == nullptr) {
        return who.poll(until.nanoseconds());
    }
    watch->begin(who);
    const sched::wake_reason reason = who.poll(until.nanoseconds());
    watch->end();
    return reason;
}

}  // namespace

void selection::run_on_thread() noexcept {
    if (take_ready(nullptr)) {
        return;
    }
    base::unique_fd event(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!event.valid()) {
        end(base::fail_errno().error());
        return;
    }
    try {
        std::vector<pollfd> descriptors;
        for (const select_case* const each : cases_) {
            if (each->kind_ == case_kind::source) {
                descriptors.push_back(static_cast<const select_source*>(each)->poll_entry());
            }
        }
        sched::polling_waiter who(std::move(event), std::move(descriptors));
        sched::stop_watch* watch = nullptr;
        deadline at = until();
        if (const sched::cancel_bounds* const bounds = sched::current_bounds()) {
            watch = bounds->watch;
            at = std::min(at, bounds->until);
        }
        while (!look_or_queue(&who) && !finish(poll(who, watch, at), at)) {
        }
    } catch (const std::bad_alloc&) {
        end(std::make_error_code(std::errc::not_enough_memory));
    }
}

}  // namespace weft::sync
