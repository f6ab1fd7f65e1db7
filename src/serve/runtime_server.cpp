// SPDX-License-Identifier: Apache-2.0
#include "serve/runtime_server.h"

#include <new>

#include "base/assert.h"
#include "base/error.h"
#include "io/wait.h"
#include "sched/current.h"

namespace weft::serving {

served_client::~served_client() {
    if (server_ == nullptr) {
        return;
    }
    server_->state_.turned_away();
    if (client_.valid()) {
        refuse(std::move(client_), server_->options_.refusal);
    }
    server_->clients_.done();
}

void served_client::finished(outcome how) noexcept {
    runtime_server& server = *std::exchange(server_, nullptr);
    server.state_.finished(how);
    server.clients_.done();
}

void interruptible_wait::interrupt() noexcept {
    const base::spin_guard guard(lock_);
    interrupted_.store(true, base::release);
    if (waiting_ != nullptr) {
        waiting_->wake(sched::wake_reason::cancelled);
    }
}

// The lock keeps `self` alive, and in this very wait, while interrupt() wakes it.
sched::wake_reason interruptible_wait::park(sched::waiter& self,
                                            base::nanoseconds_t until) noexcept {
    {
        const base::spin_guard guard(lock_);
        if (interrupted_.load(base::relaxed)) {
            self.wake(sched::wake_reason::cancelled);
        } else {
            waiting_ = &self;
        }
    }
    const sched::wake_reason reason = self.park(until);
    const base::spin_guard guard(lock_);
    waiting_ = nullptr;
    return reason;
}

result<void> runtime_server::run(const std::stop_token& stop, const std::stop_token& force) {
    WEFT_ASSERT(sched::on_fiber(), "the servers of the models fiber and coroutine run on a fiber");
    result<void> end;
    {
        const std::stop_callback interrupt(stop, [this] { wait_.interrupt(); });
        end = accept_until_stopped();
    }
    drain(force);
    return end;
}

result<void> runtime_server::accept_until_stopped() {
    while (!wait_.interrupted()) {
        const int fd = io::try_accept(listener_);
        if (fd >= 0) {
            overload_.recovered();
            admit(base::unique_fd(fd));
            io::let_others_run(listener_);
            continue;
        }
        switch (overload_.deal_with(-fd, listener_, io::try_accept, options_.refusal)) {
            case accept_failure::shed:
                state_.refused();
                io::let_others_run(listener_);
                break;
            case accept_failure::none_there:
                if (const int error = wait_for_client()) {
                    return base::fail(error, "serve");
                }
                break;
            case accept_failure::pause:
                pause();
                break;
            case accept_failure::fatal:
                return base::fail(-fd, "serve");
        }
    }
    return {};
}

void runtime_server::admit(base::unique_fd client) {
    if (!state_.try_admit()) {
        state_.refused();
        refuse(std::move(client), options_.refusal);
        return;
    }
    clients_.add();
    try {
        start(served_client(*this, std::move(client)));
    } catch (const std::bad_alloc&) {
        return;  // its destructor has turned it away
    }
}

/// 0, or an errno value if the listener is no good any more.
int runtime_server::wait_for_client() noexcept {
    io::poll_wait wait(sched::this_waiter());
    const int error = listener_.start_wait(io::direction::read, wait);
    if (error != 0) {
        return error == EAGAIN ? 0 : error;
    }
    const sched::wake_reason reason = wait_.park(wait.who, base::time_never);
    const int ended = listener_.finish_wait(io::direction::read, wait, reason);
    if (!wait_.interrupted()) {
        return ended;
    }
    if (reason == sched::wake_reason::signalled) {
        listener_.mark_ready(io::direction::read);  // somebody else shall accept that client
    }
    return 0;
}

void runtime_server::pause() noexcept {
    sched::waiter& self = sched::this_waiter();
    self.prepare();
    wait_.park(self, base::now_ns() + overload_.next_pause());
}

void runtime_server::drain(const std::stop_token& force) {
    const deadline end(options_.drain);
    state_.begin_drain();
    const std::stop_callback at_once(force, [this] { state_.force(); });
    if (!clients_.wait_until(end.time())) {
        state_.force();
        clients_.wait();
    }
}

}  // namespace weft::serving
