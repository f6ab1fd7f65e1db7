// SPDX-License-Identifier: Apache-2.0
//
// server_pool: queries that are cancelled, for their client or for others.
#include <mutex>
#include <utility>

#include "backend/limit.h"
#include "backend/server_login.h"
#include "backend/server_pool.h"

namespace weft::pool {

namespace {

using namespace std::chrono_literals;

constexpr auto preempt_again_after = 1s;

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

void server_pool::finish_cancel(const cancel_ticket& ticket) {
    doomed out;
    {
        const std::lock_guard lock(mutex_);
        const auto now = clock::now();
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

/// Cancels, at most once a second for each, what runs for tenants that have used up their quota
/// while another tenant waits.
void server_pool::preempt_over_quota(clock::time_point now) {
    const auto somebody_else_waits = [this](const tenant_account& than) {
        return waiting_.count() > than.waiting;
    };
    for (claimant* each = holding_.first(); each != nullptr; each = each->next) {
        if (!each->account->group.spent() || now - each->preempted < preempt_again_after ||
            !somebody_else_waits(*each->account)) {
            continue;
        }
        each->preempted = now;
        const cancel_ticket ticket = begin_cancel_of(*each->held);
        fibers_.add(1);
        try {
            starter_.start({.name = "preempt"}, [this, ticket] {
                (void)send_cancel(ticket.address, ticket.which, within(preempt_again_after));
                finish_cancel(ticket);
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
