// SPDX-License-Identifier: Apache-2.0
//
// A descriptor that need not be weft's own as a case of a select. Fibers and coroutines wait for it
// in the fd_poller, which tells what has come since they began to wait or was there by then; plain
// threads poll it. What counts is what poll(2) says after that.
#include <poll.h>

#include <new>

#include <weft/detail/readiness_case.h>

#include "io/fd_poller.h"
#include "io/netpoll_epoll.h"
#include "io/wait.h"

namespace weft::io {

short event_case::found() const noexcept {
    return found_ >= 0 ? static_cast<short>(found_) : short{POLLNVAL};
}

void event_case::begin() noexcept {
    refused_ = false;
}

void event_case::end(bool /*taken*/) noexcept {}

bool event_case::is_ready(bool /*adds*/) noexcept {
    found_ = events_now(fd_, events_);
    return found_ != 0 || refused_;
}

bool event_case::add(sched::waiter& who) noexcept {
    netpoll* const here = netpoll::current();
    if (here == nullptr) {
        return true;  // a plain thread polls
    }
    auto* const place = ::new (static_cast<void*>(place_)) fd_wait(who, fd_, events_);
    static_assert(sizeof *place <= sizeof place_);
    // Else it waits for nothing that can come, or there is no memory: a call will say so.
    refused_ = here->fds().add(*place) != 0;
    poller_ = refused_ ? nullptr : &here->fds();
    return !refused_;
}

void event_case::remove() noexcept {
    if (poller_ != nullptr) {
        poller_->finish(*std::launder(reinterpret_cast<fd_wait*>(place_)),
                        sched::wake_reason::signalled);
        poller_ = nullptr;
    }
}

pollfd event_case::poll_entry() const noexcept {
    return {.fd = fd_, .events = events_, .revents = 0};
}

}  // namespace weft::io
