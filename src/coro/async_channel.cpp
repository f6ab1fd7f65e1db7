// SPDX-License-Identifier: Apache-2.0
//
// A coroutine that waits for a channel, or in a select.
#include <weft/co_channel.h>

#include "coro/operation.h"
#include "sync/channel_core.h"
#include "sync/select_core.h"

namespace weft::coro {

using sync::channel_core;
using sync::channel_end;

template <channel_call Call>
class channel_awaiter<Call>::operation final : public bounded_operation {
public:
    operation(channel_awaiter& call, std::coroutine_handle<> coroutine,
              const sched::cancel_bounds* bounds) noexcept
        : bounded_operation(&run, coroutine, call.until_, bounds),
          call_(&call),
          node_(*this, has_single_waker(), call.value_) {}

    /// True: suspended. False: the end is there.
    bool start() noexcept {
        if (sync::channel_state* const s = call_->state_) {
            const bool over = Call == channel_call::send
                                  ? channel_core::send_or_queue(*s, node_)
                                  : channel_core::receive_or_queue(*s, node_);
            if (over) {
                call_->end_ = node_.end;
                return false;
            }
        } else {
            prepare();
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
        const sched::wake_reason reason = resumed_bounded();
        sync::channel_state* const s = call_->state_;
        if (s == nullptr) {
            call_->end_ = channel_core::end_of(reason);
            return;
        }
        sync::wait_queue& queue = Call == channel_call::send ? s->senders : s->receivers;
        call_->end_ = channel_core::finish(*s, queue, node_, reason);
    }

    channel_awaiter* call_;
    sync::channel_node node_;
};

template <channel_call Call>
bool channel_awaiter<Call>::await_ready() noexcept {
    end_ = Call == channel_call::send ? sync::channel_try_send(state_, value_)
                                      : sync::channel_try_receive(state_, value_);
    return end_ != channel_end::would_wait;
}

template <channel_call Call>
bool channel_awaiter<Call>::start(std::coroutine_handle<> coroutine,
                                  const sched::cancel_bounds* bounds) noexcept {
    return suspension_.template emplace<operation>(*this, coroutine, bounds).start();
}

template class channel_awaiter<channel_call::send>;
template class channel_awaiter<channel_call::receive>;

namespace {

/// The selection comes first: the operation asks it for its deadline.
class select_operation final : private sync::selection, public bounded_operation {
public:
    select_operation(std::span<select_case* const> cases, std::coroutine_handle<> coroutine,
                     const sched::cancel_bounds* bounds) noexcept
        : selection(cases), bounded_operation(&run, coroutine, selection::until(), bounds) {}

    /// True: suspended. False: the outcome is there.
    bool start() noexcept {
        for (;;) {
            if (look_or_queue(this)) {
                return false;
            }
            if (suspend_bounded()) {
                return true;
            }
            if (is_over_after_wait()) {
                return false;
            }
        }
    }

    using selection::outcome;

private:
    static void run(coroutine_waiter& self) noexcept {
        auto& me = static_cast<select_operation&>(self);
        if (me.is_over_after_wait() || !me.start()) {
            me.resume_coroutine();
        }
    }

    bool is_over_after_wait() noexcept {
        const sched::wake_reason reason = resumed_bounded();
        return finish(reason, bounded_operation::until());
    }
};

}  // namespace

bool select_operation_space::start(std::span<select_case* const> cases,
                                   std::coroutine_handle<> coroutine,
                                   const sched::cancel_bounds* bounds) noexcept {
    return suspension_.emplace<select_operation>(cases, coroutine, bounds).start();
}

result<std::size_t> select_operation_space::outcome() noexcept {
    return suspension_.get<select_operation>().outcome();
}

}  // namespace weft::coro
