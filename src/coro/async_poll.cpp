// SPDX-License-Identifier: Apache-2.0
//
// A coroutine that waits for a descriptor that is not weft's.
#include <poll.h>
#include <weft/poll.h>

#include "base/assert.h"
#include "base/error.h"
#include "coro/operation.h"
#include "io/fd_poller.h"
#include "io/netpoll_epoll.h"
#include "io/wait.h"

namespace weft::coro {

class event_awaiter::operation final : public bounded_operation {
public:
    operation(event_awaiter& awaiter, std::coroutine_handle<> coroutine,
              const sched::cancel_bounds* bounds) noexcept
        : bounded_operation(&run, coroutine, awaiter.until_, bounds),
          awaiter_(&awaiter),
          poller_(&io::netpoll::current()->fds()),
          wait_(*this, awaiter.fd_, awaiter.events_) {}

    /// As await_suspend.
    bool start() noexcept {
        if (until().expired()) {
            awaiter_->outcome_ = -ETIMEDOUT;
            return false;
        }
        prepare();
        if (const int error = poller_->add(wait_)) {
            abandon();
            awaiter_->outcome_ = error == EPERM ? io::always_ready(wait_.events) : -error;
            return false;
        }
        if (suspend_bounded()) {
            return true;
        }
        finish();
        return false;
    }

private:
    static void run(coroutine_waiter& self) noexcept {
        auto& me = static_cast<operation&>(self);
        me.finish();
        me.resume_coroutine();
    }

    void finish() noexcept {
        const int got = poller_->finish(wait_, resumed_bounded());
        // After a timeout what is there counts all the same: the poller may not have looked yet.
        const int last = got == -ETIMEDOUT ? io::events_now(awaiter_->fd_, awaiter_->events_) : 0;
        awaiter_->outcome_ = last != 0 ? last : got;
    }

    event_awaiter* awaiter_;
    io::fd_poller* poller_;
    io::fd_wait wait_;
};

bool event_awaiter::await_ready() noexcept {
    outcome_ = io::events_now(fd_, events_);
    if (outcome_ == 0) {
        return false;
    }
    io::netpoll* const here = io::netpoll::current();
    return here == nullptr || !here->fds().has_run_long();
}

bool event_awaiter::start(std::coroutine_handle<> coroutine,
                          const sched::cancel_bounds* bounds) noexcept {
    WEFT_ASSERT(io::netpoll::current() != nullptr, "a coroutine that waits must run on a runtime");
    if (outcome_ != 0) {
        reschedule(suspension_.emplace<coro::operation>(&resume_scheduled, coroutine));
        return true;
    }
    return suspension_.emplace<operation>(*this, coroutine, bounds).start();
}

result<void> ready_awaiter::await_resume() noexcept {
    if (outcome() < 0) {
        return base::fail(-outcome(), events() == POLLIN ? "wait_readable" : "wait_writable");
    }
    return {};
}

result<short> poll_awaiter::await_resume() noexcept {
    if (outcome() < 0) {
        return base::fail(-outcome(), "poll");
    }
    return static_cast<short>(outcome());
}

}  // namespace weft::coro

namespace weft::co {

coro::ready_awaiter wait_readable(int fd, deadline until) noexcept {
    return {fd, POLLIN, until};
}

coro::ready_awaiter wait_writable(int fd, deadline until) noexcept {
    return {fd, POLLOUT, until};
}

}  // namespace weft::co
