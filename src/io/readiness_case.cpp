// SPDX-License-Identifier: Apache-2.0
//
// What weft has a poll_descriptor for as a case of a select. It is asked with poll(2): the flag of
// the descriptor only says that a call may succeed, and a handler shall not run for nothing. That
// it is clear counts where a wait follows, which is woken when it is set. After a wait it is asked
// again, whatever ended the wait.
#include <poll.h>

#include <cerrno>
#include <new>

#include <weft/detail/readiness_case.h>
#include <weft/errno.h>

#include "base/assert.h"
#include "io/netpoll_epoll.h"
#include "io/socket_ops.h"

namespace weft::io {

namespace {

direction direction_of(bool writing) noexcept {
    return writing ? direction::write : direction::read;
}

/// All calls on a shared one begin() as readers.
direction use_of(const poll_descriptor& d, bool writing) noexcept {
    return d.is_shared() ? direction::read : direction_of(writing);
}

/// Never inlined: it names errno, see io/socket_ops.h.
[[gnu::noinline]] bool poll_now(int fd, bool writing) noexcept {
    pollfd wanted{.fd = fd, .events = static_cast<short>(writing ? POLLOUT : POLLIN), .revents = 0};
    int ready = 0;
    do {
        ready = ::poll(&wanted, 1, 0);
    } while (ready < 0 && errno == EINTR);
    return ready != 0;  // if it fails the handler's call will say why
}

}  // namespace

readiness_case::readiness_case(const socket& on, bool writing) noexcept
    : descriptor_(access::descriptor(on)), writing_(writing) {}

readiness_case::readiness_case(const listener& on) noexcept
    : descriptor_(access::descriptor(on)), writing_(false) {}

readiness_case::readiness_case(const datagram_socket& on, bool writing) noexcept
    : descriptor_(access::descriptor(on)), writing_(writing) {}

readiness_case::readiness_case(const descriptor_owner& on, bool writing) noexcept
    : descriptor_(access::descriptor(on)), writing_(writing) {}

void readiness_case::begin() noexcept {
    refused_ = false;
    in_use_ = descriptor_ != nullptr && descriptor_->begin(use_of(*descriptor_, writing_)) == 0;
}

void readiness_case::end(bool taken) noexcept {
    if (!in_use_) {
        return;
    }
    in_use_ = false;
    if (was_notified_ && !taken) {
        // The connection or datagram that it was woken for is for another caller.
        descriptor_->mark_ready(direction_of(writing_));
    }
    was_notified_ = false;
    descriptor_->end(use_of(*descriptor_, writing_));
}

bool readiness_case::is_ready(bool adds) noexcept {
    if (!in_use_ || refused_ || descriptor_->closed()) {
        return true;  // a call fails at once
    }
    if (!adds || netpoll::current() == nullptr) {
        // Nobody may have looked for a while, or ever, after what would set the flag.
        return poll_now(descriptor_->fd(), writing_);
    }
    const direction dir = direction_of(writing_);
    if (!descriptor_->is_ready(dir)) {
        return false;
    }
    if (poll_now(descriptor_->fd(), writing_)) {
        return true;
    }
    // As in a call: clear first, look then; what comes after the look sets it again.
    descriptor_->take_ready(dir);
    if (!poll_now(descriptor_->fd(), writing_)) {
        return false;
    }
    descriptor_->mark_ready(dir);
    return true;
}

bool readiness_case::add(sched::waiter& who) noexcept {
    netpoll* const here = netpoll::current();
    if (!in_use_) {
        return false;
    }
    const bool is_socket = descriptor_->proto() != protocol::no_socket;
    if (here == nullptr && is_socket) {
        return true;  // a plain thread polls, and close() ends that
    }
    auto* const place = ::new (static_cast<void*>(place_)) poll_wait(who);
    static_assert(sizeof *place <= sizeof place_);
    place->prepared = true;
    const direction dir = direction_of(writing_);
    const int error = here != nullptr ? descriptor_->start_wait(dir, *place, *here)
                                      : descriptor_->start_wait_of_thread(dir, *place);
    waits_ = error == 0;
    refused_ = error != 0 && error != EAGAIN;
    return waits_;
}

void readiness_case::remove() noexcept {
    if (!waits_) {
        return;
    }
    waits_ = false;
    auto& place = *std::launder(reinterpret_cast<poll_wait*>(place_));
    const bool stood = descriptor_->leave(direction_of(writing_), place);
    was_notified_ = was_notified_ || (!stood && descriptor_->is_shared());
}

pollfd readiness_case::poll_entry() const noexcept {
    return {.fd = in_use_ ? descriptor_->fd() : -1,
            .events = static_cast<short>(writing_ ? POLLOUT : POLLIN),
            .revents = 0};
}

}  // namespace weft::io
