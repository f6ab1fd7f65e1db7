// SPDX-License-Identifier: Apache-2.0
//
// server_pool: queries that are cancelled, and servers that are taken back for others.
#include <chrono>
#include <mutex>
#include <new>
#include <utility>

#include "backend/server_login.h"
#include "backend/server_pool.h"

namespace weft::pool {

namespace {

using namespace std::chrono_literals;

/// Whose query was cancelled for others is not asked again before.
constexpr auto preempt_again_after = 1s;

constexpr auto longest_cancel = 10s;

}  // namespace

std::optional<cancel_ticket> server_pool::begin_cancel(claimant& of, const report& why) {
    const std::lock_guard lock(mutex_);
    if (of.now == claimant::state::waiting) {
        refuse(of, why);
    }
    if (of.now != claimant::state::holding) {
        return std::nullopt;
    }
    return begin_cancel_of(*of.held);
}

cancel_ticket server_pool::begin_cancel_of(server& held) {
    ++held.cancels;
    ++cancelling_;
    return {&held, held.address, held.cancel};
}

void server_pool::carry_out(const cancel_ticket& ticket, deadline until) {
    bool certain = false;
    try {
        certain = send_cancel(ticket.address, ticket.which, until).has_value();
    } catch (const std::bad_alloc&) {
        // As if the server had not taken it.
    }
    finish_cancel(ticket, certain);
}

void server_pool::finish_cancel(const cancel_ticket& ticket, bool certain) {
    doomed out;
    {
        const std::lock_guard lock(mutex_);
        const auto now = clock::now();
        ticket.of->stale = ticket.of->stale || !certain;
        --cancelling_;
        if (--ticket.of->cancels == 0 && std::exchange(ticket.of->returned, false)) {
            put_back(*ticket.of, true, now, out);
            dispatch(now, nullptr);
            grow(now);
        }
    }
    if (!out.empty()) {
        settle_budgets();
    }
    say_goodbye(out);
}

// Taking back.

/// How many clients wait for nothing but a server that somebody has.
std::size_t server_pool::short_of(clock::time_point now) const {
    const bool grows = connecting_ != 0 || (room(now) > 0 && !wants_more_);
    if (paused_ || grows || !idle_.empty()) {
        return 0;
    }
    std::size_t waiting = 0;
    for (const auto& [name, account] : accounts_) {
        waiting += account->group.spent() ? 0 : account->waiting;
    }
    return waiting;
}

bool server_pool::should_give_way(claimant& who) {
    const std::lock_guard lock(mutex_);
    if (!who.gives_way && short_of(clock::now()) > giving_way_) {
        who.gives_way = true;
        ++giving_way_;
        ++who.account->preempted;
    }
    return who.gives_way;
}

/// Cancels what runs for tenants that have used up their quota, for as many clients of others as
/// wait. What was charged in advance is not used yet.
void server_pool::preempt_over_quota(clock::time_point now) {
    std::size_t wanted = short_of(now);
    const auto was_asked = [now](const claimant& who) {
        return now - who.preempted < preempt_again_after;
    };
    for (claimant* each = holding_.first(); each != nullptr; each = each->next) {
        wanted -= wanted != 0 && was_asked(*each) ? 1 : 0;
    }
    for (claimant* each = holding_.first(); each != nullptr && wanted != 0; each = each->next) {
        const bool is_beyond = each->account->group.spent() &&
                               std::chrono::nanoseconds(each->charged_ns) <= now - each->since;
        if (!is_beyond || was_asked(*each) || each->held->cancels != 0) {
            continue;
        }
        --wanted;
        each->preempted = now;
        ++each->account->preempted;
        const cancel_ticket ticket = begin_cancel_of(*each->held);
        fibers_.add(1);
        try {
            starter_.start({.name = "preempt"}, [this, ticket] {
                carry_out(ticket, longest_cancel);
                fibers_.done();
            });
        } catch (const std::bad_alloc&) {
            --each->held->cancels;
            --cancelling_;
            fibers_.done();
        }
    }
}

}  // namespace weft::pool
