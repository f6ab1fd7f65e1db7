// SPDX-License-Identifier: Apache-2.0
#include "backend/server_pool.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include <weft/fiber.h>

namespace weft::pool {

namespace {

using namespace std::chrono_literals;

/// The queue's own time scale: who has slept gets an advantage of half the latency.
constexpr cfs::parameters queue_settings{.latency = 2'000'000};

/// Connections that a pool makes at the same time.
constexpr std::uint32_t most_connecting = 8;

/// After the first failure; doubled each time, up to server_login_retry.
constexpr std::chrono::nanoseconds first_retry = 100ms;

constexpr auto sweep_period = 1s;

/// Names that nobody uses are forgotten beyond this.
constexpr std::size_t most_accounts = 1000;

/// What a transaction is charged in advance is at most this: an average says little beyond.
constexpr std::int64_t most_in_advance_ns = 1'000'000'000;

std::int64_t ns_between(clock::time_point from, clock::time_point to) {
    return std::chrono::nanoseconds(to - from).count();
}

bool older_than(clock::time_point since, std::chrono::microseconds limit, clock::time_point now) {
    return limit.count() != 0 && now - since > limit;
}

report pool_error(std::string_view sqlstate, std::string message) {
    return {.severity = "FATAL", .sqlstate = std::string(sqlstate), .message = std::move(message)};
}

/// Whether the server itself said no, for a reason that will not go by itself. "Too many clients",
/// and that it starts or stops, will.
bool is_rejection(const report& why) {
    const std::string_view code = why.sqlstate;
    return code.starts_with("28") || code.starts_with("3D") || code.starts_with("42");
}

}  // namespace

server_pool::server_pool(const pool_limits& limits, connector connect)
    : connect_(std::move(connect)), limits_(limits), queue_(queue_settings) {}

server_pool::~server_pool() {
    fibers_.wait();
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
    ++who.account->clients;
}

void server_pool::leave(claimant& who) {
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

std::optional<report> server_pool::reason_to_refuse(clock::time_point now) const {
    if (closed_) {
        return closed_;
    }
    if (was_rejected_ && last_failure_ && servers_.empty() && now < retry_at_) {
        return last_failure_;
    }
    if (limits_.most_waiting != 0 &&
        waiting_.count() >= static_cast<std::uint32_t>(limits_.most_waiting)) {
        return pool_error("53300", "too many clients wait for a server (max_waiting_clients)");
    }
    return std::nullopt;
}

std::expected<server*, report> server_pool::acquire(claimant& who, deadline until) {
    {
        const std::lock_guard lock(mutex_);
        const auto now = clock::now();
        if (auto why = reason_to_refuse(now)) {
            return std::unexpected(*std::move(why));
        }
        enqueue(who, now);
        dispatch(now, &who);
        if (who.now == claimant::state::holding) {
            return who.held;
        }
        grow(now);
    }
    const bool in_time = who.ready.acquire(until).has_value();
    const std::lock_guard lock(mutex_);
    if (!in_time && who.now == claimant::state::waiting) {
        queue_.remove(who);
        set_state(who, claimant::state::resting);
        return std::unexpected(pool_error("08P01", "query_wait_timeout"));
    }
    if (!in_time) {
        (void)who.ready.try_acquire();  // it came together with the deadline
    }
    if (who.now == claimant::state::refused) {
        who.now = claimant::state::resting;
        return std::unexpected(*std::exchange(who.refusal, std::nullopt));
    }
    return who.held;
}

void server_pool::enqueue(claimant& who, clock::time_point now) {
    who.since = now;
    set_state(who, claimant::state::waiting);
    queue_.wake(who);
}

void server_pool::dispatch(clock::time_point now, const claimant* caller) {
    while (!paused_ && !idle_.empty()) {
        claimant* const next = queue_.pick_next();
        if (next == nullptr || !may_take(*next->account)) {
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
    account.waits.add(ns_between(who.since, now));
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
    queue_.remove(who);
    set_state(who, claimant::state::refused);
    who.refusal = why;
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
        put_back(returned, reusable, now, out);
        dispatch(now, nullptr);
        if (waiting_.count() != 0) {
            grow(now);
        }
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
}

void server_pool::put_back(server& returned, bool reusable, clock::time_point now, doomed& out) {
    returned.idle_since = now;
    returned.stale = returned.stale || !reusable || too_many() ||
                     older_than(returned.connected, limits_.lifetime, now);
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

// Cancelling.

std::optional<cancel_ticket> server_pool::begin_cancel(claimant& of, const report& why) {
    const std::lock_guard lock(mutex_);
    if (of.now == claimant::state::waiting) {
        refuse(of, why);
    }
    if (of.now != claimant::state::holding) {
        return std::nullopt;
    }
    ++of.held->cancels;
    ++cancelling_;
    return cancel_ticket{of.held, of.held->address, of.held->cancel};
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
        }
    }
    say_goodbye(out);
}

// Connections.

bool server_pool::too_many() const {
    return limits_.size != 0 &&
           servers_.size() > static_cast<std::size_t>(limits_.size + limits_.reserve);
}

/// How many servers more there may be.
int server_pool::room(clock::time_point now) const {
    if (limits_.size == 0) {
        return static_cast<int>(most_connecting);
    }
    int most = limits_.size;
    if (limits_.reserve != 0 && waiting_.first() != nullptr &&
        older_than(waiting_.first()->since, limits_.reserve_after, now)) {
        most += limits_.reserve;
    }
    return most - static_cast<int>(servers_.size() + connecting_);
}

void server_pool::grow(clock::time_point now) {
    if (paused_ || closed_ || now < retry_at_) {
        return;
    }
    const auto least = static_cast<std::size_t>(limits_.least);
    const std::size_t there = servers_.size() + connecting_;
    const std::size_t for_clients =
        waiting_.count() > connecting_ ? waiting_.count() - connecting_ : 0;
    std::size_t wanted = std::max(for_clients, least > there ? least - there : 0);
    // After a failure one tries, not all.
    const std::uint32_t at_once = retry_pause_.count() != 0 ? 1 : most_connecting;
    while (wanted > 0 && room(now) > 0 && connecting_ < at_once) {
        --wanted;
        connect_one();
    }
}

void server_pool::connect_one() {
    ++connecting_;
    fibers_.add(1);
    try {
        fiber(fiber_options{.name = "connect"}, [this] {
            connected(connect_());
            fibers_.done();
        }).detach();
    } catch (const std::bad_alloc&) {
        --connecting_;
        fibers_.done();
        note_failure(pool_error("53200", "out of memory"), clock::now());
    }
}

void server_pool::connected(std::expected<std::unique_ptr<server>, report> made) {
    doomed out;
    {
        const std::lock_guard lock(mutex_);
        const auto now = clock::now();
        --connecting_;
        if (!made) {
            note_failure(made.error(), now);
            return;
        }
        retry_pause_ = {};
        last_failure_.reset();
        server& fresh = **made;
        fresh.id = ++last_id_;
        fresh.stale = closed_.has_value();
        welcome_ = fresh.welcome;
        servers_.push_back(std::move(*made));
        put_back(fresh, true, now, out);
        dispatch(now, nullptr);
        grow(now);
    }
    say_goodbye(out);
}

void server_pool::note_failure(const report& why, clock::time_point now) {
    last_failure_ = why;
    was_rejected_ = is_rejection(why);
    retry_pause_ = std::min<std::chrono::nanoseconds>(
        std::max<std::chrono::nanoseconds>(2 * retry_pause_, first_retry), limits_.longest_retry);
    retry_at_ = now + retry_pause_;
    if (was_rejected_ && servers_.empty() && connecting_ == 0) {
        refuse_all(why);
    }
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
    }
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

void server_pool::pause() {
    const std::lock_guard lock(mutex_);
    paused_ = true;
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
        for (const auto& each : servers_) {
            each->stale = true;
        }
        sweep(clock::now(), out);
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
        for (const auto& each : servers_) {
            each->stale = true;
        }
        sweep(clock::now(), out);
    }
    say_goodbye(out);
}

// Reports.

pool_status server_pool::status() const {
    const std::lock_guard lock(mutex_);
    pool_status out;
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
    return out;
}

std::vector<tenant_status> server_pool::tenants() const {
    const std::lock_guard lock(mutex_);
    std::vector<tenant_status> out;
    out.reserve(accounts_.size());
    for (const auto& [name, account] : accounts_) {
        out.push_back({name, account->group.share(), account->clients, account->waiting,
                       account->holding, account->transactions, account->group.ran_ns(),
                       account->waits, account->holds});
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
