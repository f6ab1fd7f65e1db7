// SPDX-License-Identifier: Apache-2.0
#include "backend/server_pool.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "backend/limit.h"

namespace weft::pool {

namespace {

using namespace std::chrono_literals;

/// The queue's own time scale: who has slept gets an advantage of half the latency.
constexpr cfs::parameters queue_settings{.latency = 2'000'000};

constexpr auto sweep_period = 1s;

/// Names that nobody uses are forgotten beyond this.
constexpr std::size_t most_accounts = 1000;

/// What a transaction is charged in advance is at most this: an average says little beyond.
constexpr std::int64_t most_in_advance_ns = 1'000'000'000;

/// Fits claimant::waited_us.
constexpr std::int64_t longest_noted_wait_ns = 3'600'000'000'000;

/// Callers read the clock before they have the mutex: one may be ahead of another.
std::int64_t ns_between(clock::time_point from, clock::time_point to) {
    return std::max<std::int64_t>(std::chrono::nanoseconds(to - from).count(), 0);
}

}  // namespace

server_pool::server_pool(const pool_limits& limits, connector connect)
    : connect_(std::move(connect)), limits_(limits), queue_(queue_settings) {}

server_pool::~server_pool() {
    while (!fibers_.wait(100ms)) {
        starter_.try_again();
    }
    for (const auto& each : budgets_) {
        for (std::size_t i = 0; i < servers_.size(); ++i) {
            each->give_back(*this);
        }
        each->leave(*this);
    }
    doomed all = std::move(servers_);
    say_goodbye(all);
}

// Tenants.

void server_pool::enter(claimant& who, const std::string& tenant, const tenant_rule& rule) {
    const std::lock_guard lock(mutex_);
    auto found = accounts_.find(tenant);
    if (found == accounts_.end()) {
        if (accounts_.size() >= most_accounts) {
            std::erase_if(accounts_, [](const auto& each) { return each.second->clients == 0; });
        }
        found = accounts_
                    .emplace(tenant, std::make_unique<tenant_account>(queue_, tenant, rule.weight,
                                                                      rule.quota))
                    .first;
    }
    who.account = found->second.get();
    who.owner = &who.account->group;
    who.account->most_waiting = static_cast<std::uint32_t>(rule.most_waiting);
    ++who.account->clients;
}

void server_pool::set_rule(std::string_view tenant, const tenant_rule& rule) {
    const std::lock_guard lock(mutex_);
    const auto found = accounts_.find(tenant);
    if (found == accounts_.end()) {
        return;
    }
    tenant_account& account = *found->second;
    const bool is_active = account.waiting + account.holding != 0;
    active_weight_ -= is_active ? account.group.share() : 0;
    queue_.set_weight(account.group, rule.weight);
    active_weight_ += is_active ? account.group.share() : 0;
    queue_.set_quota(account.group, rule.quota);
    account.most_waiting = static_cast<std::uint32_t>(rule.most_waiting);
    const auto now = clock::now();
    dispatch(now, nullptr);
    grow(now);
}

void server_pool::leave(claimant& who) {
    {
        const std::lock_guard lock(mutex_);
        if (who.now == claimant::state::waiting) {
            queue_.remove(who);
            set_state(who, claimant::state::resting);
        }
    }
    if (who.now == claimant::state::holding) {
        release(who, false);
    }
    const std::lock_guard lock(mutex_);
    queue_.remove(who);
    --who.account->clients;
    who.account = nullptr;
}

void server_pool::set_state(claimant& who, claimant::state to) {
    tenant_account& account = *who.account;
    const bool was_active = account.waiting + account.holding != 0;
    const auto count = [&](claimant::state state, std::uint32_t by, auto change) {
        if (state == claimant::state::waiting) {
            account.waiting += by;
            change(waiting_);
        } else if (state == claimant::state::holding) {
            account.holding += by;
            change(holding_);
        }
    };
    count(who.now, static_cast<std::uint32_t>(-1), [&](claimant_list& l) { l.remove(who); });
    count(to, 1, [&](claimant_list& l) { l.append(who); });
    who.now = to;
    const bool is_active = account.waiting + account.holding != 0;
    if (is_active != was_active) {
        active_weight_ += is_active ? account.group.share() : 0;
        active_weight_ -= was_active ? account.group.share() : 0;
    }
}

// Waiting and its end.

std::optional<report> server_pool::reason_to_refuse(const claimant& who,
                                                    clock::time_point now) const {
    if (closed_) {
        return closed_;
    }
    if (was_rejected_ && last_failure_ && servers_.empty() && now < retry_at_) {
        return last_failure_;
    }
    const auto is_full = [](std::uint32_t waiting, std::uint32_t most) {
        return most != 0 && waiting >= most;
    };
    if (is_full(waiting_.count(), static_cast<std::uint32_t>(limits_.most_waiting)) ||
        is_full(who.account->waiting, who.account->most_waiting)) {
        return fatal_report("53300", "too many clients wait for a server (max_waiting_clients)");
    }
    return std::nullopt;
}

std::expected<server*, report> server_pool::acquire(claimant& who, clock::time_point now,
                                                    deadline until, wait_watch* beside) {
    {
        const std::lock_guard lock(mutex_);
        if (auto why = reason_to_refuse(who, now)) {
            return std::unexpected(*std::move(why));
        }
        enqueue(who, now);
        dispatch(now, &who);
        if (who.now == claimant::state::holding) {
            return who.held;
        }
        grow(now);
    }
    settle_budgets();
    if (!wait(who, now, until, beside)) {
        const std::lock_guard lock(mutex_);
        if (who.now == claimant::state::waiting) {
            queue_.remove(who);
            set_state(who, claimant::state::resting);
            return std::unexpected(fatal_report("08P01", "query_wait_timeout"));
        }
        (void)who.ready.try_acquire();  // it came together with the deadline
    }
    // Nobody else changes it from here on: what was written before `ready` was released is seen.
    if (who.now == claimant::state::refused) {
        const std::lock_guard lock(mutex_);
        who.now = claimant::state::resting;
        return std::unexpected(*std::exchange(who.refusal, nullptr));
    }
    return who.held;
}

bool server_pool::wait(claimant& who, clock::time_point since, deadline until, wait_watch* beside) {
    if (beside == nullptr) {
        return who.ready.acquire(until).has_value();
    }
    const bool in_time = wait_in_stages(who, since, until, *beside);
    const std::chrono::nanoseconds waited = clock::now() - since;
    const bool slow = beside->slow_after.count() != 0 && waited >= beside->slow_after;
    beside->slow = slow ? waited : std::chrono::nanoseconds(0);
    return in_time;
}

bool server_pool::wait_in_stages(claimant& who, clock::time_point since, deadline until,
                                 wait_watch& beside) const {
    const auto notify = [&] { beside.notify(); };
    const auto look = [&] {
        beside.reason = reason_to_wait(status());
        beside.holders = holders();
    };
    const auto until_then = [&](std::chrono::microseconds after, const auto& act) {
        const deadline stage = since + after;
        if (after.count() == 0 || stage >= until) {
            return false;
        }
        const auto got = who.ready.acquire(stage);
        if (!got && got.error() == std::errc::timed_out) {
            act();
            return false;
        }
        return got.has_value();
    };
    const bool notify_first = beside.notify_after <= beside.slow_after;
    return (notify_first && until_then(beside.notify_after, notify)) ||
           until_then(beside.slow_after, look) ||
           (!notify_first && until_then(beside.notify_after, notify)) ||
           who.ready.acquire(until).has_value();
}

void server_pool::enqueue(claimant& who, clock::time_point now) {
    who.since = now;
    set_state(who, claimant::state::waiting);
    if (std::exchange(who.fresh, false)) {
        place_fresh(who);
    }
    queue_.wake(who);
}

/// As if it had had a usual transaction, and behind those that are as fresh: clients that connect
/// for each transaction would keep off those that stay for as long as they have had more.
void server_pool::place_fresh(claimant& who) const {
    tenant_account& account = *who.account;
    const std::uint64_t now = queue_.level_of(who).virtual_time();
    const std::uint64_t behind = now + static_cast<std::uint64_t>(account.usual_cost_ns);
    account.newest = before_in_time(behind, account.newest) ? account.newest : behind;
    who.vruntime = account.newest;
}

void server_pool::dispatch(clock::time_point now, const claimant* caller) {
    while (!paused_ && !idle_.empty()) {
        claimant* const next =
            queue_.pick_next_if([this](const claimant& who) { return may_take(*who.account); });
        if (next == nullptr) {
            return;
        }
        grant(*next, now, next != caller);
    }
}

bool server_pool::may_take(const tenant_account& who) const {
    if (limits_.headroom <= 0 || limits_.size <= 0) {
        return true;
    }
    const std::int64_t free = std::int64_t{limits_.size} - holding_.count();
    if (free > limits_.headroom) {
        return true;
    }
    const std::uint64_t weights = active_weight_ + nice_0_weight;
    return who.holding * weights <
           std::uint64_t{who.group.share()} * static_cast<std::uint64_t>(limits_.size);
}

/// `who` is the queue's current one.
void server_pool::grant(claimant& who, clock::time_point now, bool wake) {
    tenant_account& account = *who.account;
    who.charged_ns = account.usual_cost_ns;
    queue_.charge(static_cast<std::uint64_t>(who.charged_ns));
    queue_.block();
    who.held = take_idle();
    const std::int64_t waited = ns_between(who.since, now);
    who.waited_us = static_cast<std::uint32_t>(std::min(waited, longest_noted_wait_ns) / 1000);
    account.waits.add(waited);
    ++totals_.grants;
    totals_.wait_ns += static_cast<std::uint64_t>(waited);
    who.since = now;
    set_state(who, claimant::state::holding);
    if (wake) {
        who.ready.release();
    }
}

server* server_pool::take_idle() {
    const auto at = limits_.round_robin ? idle_.begin() : idle_.end() - 1;
    server* const taken = *at;
    idle_.erase(at);
    return taken;
}

void server_pool::refuse(claimant& who, const report& why) {
    who.refusal = std::make_unique<report>(why);
    queue_.remove(who);
    set_state(who, claimant::state::refused);
    who.ready.release();
}

void server_pool::refuse_all(const report& why) {
    while (claimant* const first = waiting_.first()) {
        refuse(*first, why);
    }
}

void server_pool::release(claimant& who, bool reusable) {
    doomed out;
    {
        const std::lock_guard lock(mutex_);
        const auto now = clock::now();
        settle(who, now);
        server& returned = *std::exchange(who.held, nullptr);
        set_state(who, claimant::state::resting);
        who.since = now;
        put_back(returned, reusable && limits_.lifetime.count() != 0 && !should_yield(), now, out);
        dispatch(now, nullptr);
        if (waiting_.count() != 0) {
            grow(now);
        } else {
            note_content();
        }
    }
    if (!out.empty()) {
        settle_budgets();
    }
    say_goodbye(out);
}

/// Its turn is over: it is charged what it really took.
void server_pool::settle(claimant& who, clock::time_point now) {
    tenant_account& account = *who.account;
    const std::int64_t cost = ns_between(who.since, now);
    queue_.charge_aside(who, cost - who.charged_ns);
    account.usual_cost_ns += (std::min(cost, most_in_advance_ns) - account.usual_cost_ns) / 8;
    ++account.transactions;
    account.holds.add(cost);
    account.totals.add(cost + std::int64_t{who.waited_us} * 1000);
    for (const auto& each : budgets_) {
        each->charge(*this, cost);
    }
    totals_.hold_ns += static_cast<std::uint64_t>(cost);
    giving_way_ -= std::exchange(who.gives_way, false) ? 1 : 0;
}

void server_pool::put_back(server& returned, bool reusable, clock::time_point now, doomed& out) {
    returned.stale =
        returned.stale || !reusable || older_than(returned.connected, limits_.lifetime, now);
    offer(returned, now, out);
}

/// To whoever waits. One that is new goes here, however old it is already: to close it would only
/// mean to make the next one, without an end.
void server_pool::offer(server& returned, clock::time_point now, doomed& out) {
    returned.idle_since = now;
    returned.stale = returned.stale || too_many();
    if (returned.cancels != 0) {
        returned.returned = true;  // the last finish_cancel() goes on here
        return;
    }
    if (returned.stale) {
        out.push_back(extract(returned));
    } else {
        idle_.push_back(&returned);
    }
}

std::unique_ptr<server> server_pool::extract(server& one) {
    const auto at = std::ranges::find(servers_, &one, &std::unique_ptr<server>::get);
    std::unique_ptr<server> out = std::move(*at);
    servers_.erase(at);
    std::erase(idle_, &one);
    give_back_to_budgets();
    return out;
}

void server_pool::say_goodbye(doomed& servers) {
    std::string bytes;
    put_terminate(bytes);
    for (const auto& each : servers) {
        (void)each->io.write(bytes, 100ms);  // a courtesy
    }
    servers.clear();
}

bool server_pool::rests(const claimant& who) const {
    const std::lock_guard lock(mutex_);
    return who.now == claimant::state::resting;
}

parameter_list server_pool::welcome() const {
    const std::lock_guard lock(mutex_);
    return welcome_;
}

// What is due.

void server_pool::look_after() {
    doomed out;
    {
        const std::lock_guard lock(mutex_);
        const auto now = clock::now();
        charge_holders(now);
        refill_quotas(now);
        if (now - swept_at_ >= sweep_period) {
            swept_at_ = now;
            sweep(now, out);
        }
        dispatch(now, nullptr);
        grow(now);
        if (limits_.preempt_over_quota) {
            preempt_over_quota(now);
        }
    }
    starter_.try_again();
    settle_budgets();
    say_goodbye(out);
}

void server_pool::charge_holders(clock::time_point now) {
    for (claimant* each = holding_.first(); each != nullptr; each = each->next) {
        const std::int64_t more = ns_between(each->since, now) - each->charged_ns;
        if (more > 0) {
            queue_.charge_aside(*each, more);
            each->charged_ns += more;
        }
    }
}

void server_pool::refill_quotas(clock::time_point now) {
    const auto ns = static_cast<std::uint64_t>(now.time_since_epoch() / 1ns);
    for (const auto& [name, account] : accounts_) {
        (void)queue_.refill(account->group, ns);
    }
}

/// Idle servers that are too old, have idled for too long, or are gone.
void server_pool::sweep(clock::time_point now, doomed& out) {
    std::vector<server*> gone;
    std::size_t there = servers_.size();
    for (server* const each : idle_) {
        const bool spare = there > static_cast<std::size_t>(limits_.least);
        if (each->stale || older_than(each->connected, limits_.lifetime, now) ||
            (spare && older_than(each->idle_since, limits_.idle_timeout, now)) ||
            has_something(each->io)) {
            gone.push_back(each);
            --there;
        }
    }
    for (server* const each : gone) {
        out.push_back(extract(*each));
    }
}

void server_pool::resume() {
    const std::lock_guard lock(mutex_);
    paused_ = false;
    const auto now = clock::now();
    dispatch(now, nullptr);
    grow(now);
}

void server_pool::reconnect() {
    doomed out;
    {
        const std::lock_guard lock(mutex_);
        retire(out);
        retry_at_ = {};
    }
    say_goodbye(out);
}

void server_pool::set_limits(const pool_limits& limits) {
    const std::lock_guard lock(mutex_);
    limits_ = limits;
    grow(clock::now());
}

void server_pool::close(const report& why) {
    doomed out;
    {
        const std::lock_guard lock(mutex_);
        closed_ = why;
        refuse_all(why);
        retire(out);
    }
    say_goodbye(out);
}

// Reports.

pool_status server_pool::status() const {
    const std::lock_guard lock(mutex_);
    pool_status out = totals_;
    out.servers = static_cast<std::uint32_t>(servers_.size());
    out.idle = static_cast<std::uint32_t>(idle_.size());
    out.holding = holding_.count();
    out.connecting = connecting_;
    out.cancelling = cancelling_;
    out.waiting = waiting_.count();
    if (waiting_.first() != nullptr) {
        out.longest_wait = clock::now() - waiting_.first()->since;
    }
    out.paused = paused_;
    out.stale = static_cast<std::uint32_t>(
        std::ranges::count_if(servers_, [](const auto& each) { return each->stale; }));
    for (const auto& [name, account] : accounts_) {
        out.clients += account->clients;
    }
    return out;
}

std::vector<tenant_status> server_pool::tenants() const {
    const std::lock_guard lock(mutex_);
    std::vector<tenant_status> out;
    out.reserve(accounts_.size());
    for (const auto& [name, account] : accounts_) {
        out.push_back({name, account->group.share(), account->clients, account->waiting,
                       account->holding, account->transactions, account->group.ran_ns(),
                       account->waits, account->holds, account->totals, account->preempted});
    }
    return out;
}

void server_pool::visit_servers(
    const std::function<void(const server&, const claimant*)>& visit) const {
    const std::lock_guard lock(mutex_);
    for (const auto& each : servers_) {
        const claimant* holder = holding_.first();
        while (holder != nullptr && holder->held != each.get()) {
            holder = holder->next;
        }
        visit(*each, holder);
    }
}

}  // namespace weft::pool
