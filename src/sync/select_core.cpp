// SPDX-License-Identifier: Apache-2.0
#include "sync/select_core.h"

#include <algorithm>
#include <functional>

#include "base/assert.h"
#include "base/error.h"
#include "base/rng.h"
#include "sched/cancellable_wait.h"
#include "sched/current.h"
#include "sync/channel_core.h"

namespace weft::sync {

namespace {

/// Never inlined: see base/thread_block.h on addresses of thread-locals.
[[gnu::noinline]] std::uint32_t random_below(std::uint32_t bound) noexcept {
    thread_local base::rng random(reinterpret_cast<std::uintptr_t>(&random));
    return random.below(bound);
}

}  // namespace

/// One of those that were offered, each with the same probability.
class selection::choice {
public:
    void offer(std::size_t index) noexcept {
        if (++offered_ == 1 || random_below(offered_) == 0) {
            index_ = index;
        }
    }

    /// nowhere: nothing was offered.
    [[nodiscard]] std::size_t index() const noexcept { return index_; }

private:
    std::uint32_t offered_ = 0;
    std::size_t index_ = nowhere;
};

/// What the core does with cases of each kind.
struct select_core {
    static bool is_channel(const select_case& one) noexcept {
        return (one.kind_ == case_kind::send || one.kind_ == case_kind::receive) &&
               static_cast<const channel_case&>(one).state_ != nullptr;
    }

    static wait_queue& queue_of(const channel_case& one) noexcept {
        return one.kind_ == case_kind::send ? one.state_->senders : one.state_->receivers;
    }

    static channel_node& node_of(channel_case& one) noexcept {
        static_assert(sizeof(channel_node) <= sizeof one.node_);
        return *std::launder(reinterpret_cast<channel_node*>(one.node_));
    }

    // With the channel's lock.

    static bool is_ready(const channel_case& one) noexcept {
        return one.kind_ == case_kind::send ? channel_core::may_send(*one.state_)
                                            : channel_core::may_receive(*one.state_);
    }

    /// Whether it was done: who seemed to wait for it may not wait any more.
    static bool take(channel_case& one, wait_node*& woken) noexcept {
        one.end_ = one.kind_ == case_kind::send
                       ? channel_core::send_now(*one.state_, one.value_, woken)
                       : channel_core::receive_now(*one.state_, one.value_, woken);
        return one.end_ != channel_end::would_wait;
    }

    static void stand(channel_case& one, sched::waiter& who) noexcept {
        auto* const node =
            ::new (static_cast<void*>(one.node_)) channel_node(who, false, one.value_);
        push_back(queue_of(one), *node);
    }

    // Without it.

    /// Whether it was served.
    static bool leave(channel_case& one) noexcept {
        channel_node& node = node_of(one);
        const queue_guard guard(one.state_->receivers);
        if (node.queued) {
            remove(queue_of(one), node);
        }
        one.end_ = node.end;
        return node.end != channel_end::would_wait;
    }
};

namespace {

channel_case& as_channel(select_case& one) noexcept {
    return static_cast<channel_case&>(one);
}

}  // namespace

void stop_case::stopped() noexcept {
    fired_ = who_->wake();
}

selection::selection(std::span<select_case* const> cases) noexcept : cases_(cases) {
    for (std::size_t i = 0; i < cases.size(); ++i) {
        select_case& one = *cases[i];
        switch (one.kind_) {
            case case_kind::send:
            case case_kind::receive:
                if (select_core::is_channel(one)) {
                    list_by_address(as_channel(one));
                }
                break;
            case case_kind::source:
                has_sources_ = true;
                until_ = std::min(until_, static_cast<select_source&>(one).wakes_at());
                static_cast<select_source&>(one).begin();
                break;
            case case_kind::stop:
                break;
            case case_kind::deadline:
                if (deadline_ == nowhere || deadline_of(i) < deadline_of(deadline_)) {
                    deadline_ = i;
                    until_ = std::min(until_, deadline_of(i));
                }
                break;
            case case_kind::otherwise:
                otherwise_ = i;
                break;
        }
    }
}

deadline selection::deadline_of(std::size_t index) const noexcept {
    return static_cast<const deadline_case&>(*cases_[index]).until_;
}

/// One case for each channel.
void selection::list_by_address(channel_case& one) noexcept {
    channel_case** place = &locked_;
    while (*place != nullptr && std::less<>()((*place)->state_, one.state_)) {
        place = &(*place)->next_locked_;
    }
    if (*place != nullptr && (*place)->state_ == one.state_) {
        return;
    }
    one.next_locked_ = *place;
    *place = &one;
}

bool selection::look_or_queue(sched::waiter* who) noexcept {
    if (take_ready(never_waits() ? nullptr : who)) {
        return true;
    }
    if (never_waits()) {
        end(otherwise_);
        return true;
    }
    add_others(*who);
    return false;
}

/// False: nothing is ready, and `or_queue`, unless null, is prepared and stands before all
/// channels.
bool selection::take_ready(sched::waiter* or_queue) noexcept {
    const choice others = choose_beside_channels(or_queue != nullptr);
    const std::size_t taken = take_under_locks(others, or_queue);
    if (taken == nowhere) {
        return false;
    }
    end(taken);
    return true;
}

std::size_t selection::take_under_locks(choice others, sched::waiter* or_queue) noexcept {
    wait_node* woken = nullptr;
    const base::preemption_disabled until_woken;
    for (channel_case* each = locked_; each != nullptr; each = each->next_locked_) {
        lock_queue(each->state_->receivers);
    }
    const std::size_t taken = take_with_channels(others, woken);
    if (taken == nowhere && or_queue != nullptr) {
        or_queue->prepare();
        stand_before_channels(*or_queue);
    }
    for (channel_case* each = locked_; each != nullptr; each = each->next_locked_) {
        unlock_queue(each->state_->receivers);
    }
    if (woken != nullptr) {
        woken->who->wake_without_preemption();
    }
    return taken;
}

selection::choice selection::choose_beside_channels(bool waits) const noexcept {
    choice chosen;
    for (std::size_t i = 0; i < cases_.size(); ++i) {
        select_case& one = *cases_[i];
        const bool ready =
            one.kind_ == case_kind::source ? static_cast<select_source&>(one).is_ready(waits)
            : one.kind_ == case_kind::stop ? static_cast<stop_case&>(one).token_.stop_requested()
                                           : false;
        if (ready) {
            chosen.offer(i);
        }
    }
    return chosen;
}

/// With the locks. `others`: of what is ready and no channel.
std::size_t selection::take_with_channels(choice others, wait_node*& woken) noexcept {
    for (;;) {
        choice chosen = others;
        for (std::size_t i = 0; i < cases_.size(); ++i) {
            select_case& one = *cases_[i];
            if (select_core::is_channel(one) && select_core::is_ready(as_channel(one))) {
                chosen.offer(i);
            }
        }
        const std::size_t index = chosen.index();
        if (index == nowhere || !select_core::is_channel(*cases_[index]) ||
            select_core::take(as_channel(*cases_[index]), woken)) {
            return index;
        }
        // Whoever waited there has gone, and was dropped: so this comes to an end.
    }
}

void selection::stand_before_channels(sched::waiter& who) noexcept {
    for (select_case* const each : cases_) {
        if (select_core::is_channel(*each)) {
            select_core::stand(as_channel(*each), who);
        }
    }
}

/// Sockets and stop tokens. `who` is prepared, and may have been woken by now.
void selection::add_others(sched::waiter& who) noexcept {
    for (select_case* const each : cases_) {
        if (each->kind_ == case_kind::stop) {
            auto& one = static_cast<stop_case&>(*each);
            one.who_ = &who;
            one.fired_ = false;
            one.callback_.emplace(one.token_, stop_case::fire{&one});
        } else if (each->kind_ == case_kind::source) {
            if (!static_cast<select_source&>(*each).add(who)) {
                who.wake();
            }
        }
    }
}

/// After the wait. The case whose wake-up has won, as far as it can be told.
std::size_t selection::leave_all() noexcept {
    std::size_t winner = nowhere;
    for (std::size_t i = 0; i < cases_.size(); ++i) {
        select_case& one = *cases_[i];
        if (select_core::is_channel(one)) {
            if (select_core::leave(as_channel(one))) {
                winner = i;
            }
        } else if (one.kind_ == case_kind::stop) {
            auto& stop = static_cast<stop_case&>(one);
            stop.callback_.reset();
            if (stop.fired_) {
                winner = i;
            }
        } else if (one.kind_ == case_kind::source) {
            static_cast<select_source&>(one).remove();
        }
    }
    return winner;
}

bool selection::finish(sched::wake_reason reason, deadline at) noexcept {
    if (const std::size_t winner = leave_all(); winner != nowhere) {
        end(winner);
        return true;
    }
    // A socket woke it. Or it did not, since the poller has not looked for a while: what need not
    // wait does not time out.
    if (has_sources_ && take_ready(nullptr)) {
        return true;
    }
    switch (reason) {
        case sched::wake_reason::signalled:
            return false;
        case sched::wake_reason::timed_out:
            if (deadline_ != nowhere && deadline_of(deadline_) <= at) {
                end(deadline_);
            } else {
                end(std::make_error_code(std::errc::timed_out));
            }
            return true;
        case sched::wake_reason::cancelled:
            break;
    }
    end(std::make_error_code(std::errc::operation_canceled));
    return true;
}

void selection::end(std::size_t taken) noexcept {
    select_case& one = *cases_[taken];
    if (one.kind_ == case_kind::send && !as_channel(one).moved()) {
        end(errc::channel_closed);
        return;
    }
    taken_ = taken;
    end(std::error_code());
}

void selection::end(std::error_code error) noexcept {
    error_ = error;
    if (has_sources_) {
        for (std::size_t i = 0; i < cases_.size(); ++i) {
            if (cases_[i]->kind_ == case_kind::source) {
                static_cast<select_source*>(cases_[i])->end(i == taken_);
            }
        }
    }
}

result<std::size_t> select_one(std::span<select_case* const> cases) noexcept {
    selection s(cases);
    if (s.never_waits()) {
        s.look_or_queue(nullptr);
        return s.outcome();
    }
    if (s.has_sources() && !sched::on_fiber()) [[unlikely]] {
        WEFT_ASSERT(!sched::on_coroutine(),
                    "a coroutine called a function that blocks; use its co_await form");
        s.run_on_thread();
        return s.outcome();
    }
    sched::cancellable_wait wait(s.until());
    while (!s.look_or_queue(&wait.who) && !s.finish(wait.park(), wait.until())) {
    }
    return s.outcome();
}

}  // namespace weft::sync
