// SPDX-License-Identifier: Apache-2.0
//
// server_pool: the servers of one database and user, and who waits for them.
//
// Who gets a server is decided by the fair queue that schedules fibers, too (weft/fair_queue.h, the
// kernel's CFS): between tenants by the server time that each has had, by weight, then between the
// clients of the tenant. A running query cannot be taken back, and many run at a time; so a
// transaction is charged when it begins with what its tenant's usually cost, while it takes longer
// with that (look_after()), and in the end with the difference. A tenant that comes late to a busy
// pool thus waits for one server to become free, however many wait before it.
//
// Headroom keeps some servers for tenants that have less than their share at this moment. The share
// is what a tenant would have if all that are active, and one more of the usual weight, wanted all
// servers.
//
// Thread safety: all methods, beside each other. What it calls back runs without its mutex.
#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <weft/fair_queue.h>
#include <weft/mutex.h>
#include <weft/time.h>
#include <weft/wait_group.h>

#include "backend/claimant.h"
#include "backend/connection_budget.h"
#include "backend/fiber_starter.h"
#include "backend/server.h"
#include "wire/build.h"

namespace weft::pool {

/// Times of 0 mean: without limit; the lifetime, that a server is used once.
struct pool_limits {
    int size = 20;  ///< 0: without limit
    int least = 0;  ///< kept open, also idle
    int reserve = 0;
    std::chrono::microseconds reserve_after = std::chrono::seconds(5);
    int headroom = 0;
    int most_waiting = 0;  ///< 0: without limit
    std::chrono::microseconds lifetime = std::chrono::hours(1);
    std::chrono::microseconds idle_timeout = std::chrono::minutes(10);
    std::chrono::microseconds longest_retry = std::chrono::seconds(15);
    bool round_robin = false;
    bool preempt_over_quota = false;  ///< what runs beyond a quota is cancelled for other tenants
};

/// What a tenant gets.
struct tenant_rule {
    std::uint32_t weight = nice_0_weight;
    fair_quota quota;
    int most_waiting = 0;  ///< of its clients; 0: no limit but the pool's
};

/// How things stand, for reports.
struct pool_status {
    std::uint32_t servers = 0;
    std::uint32_t idle = 0;
    std::uint32_t holding = 0;
    std::uint32_t connecting = 0;
    std::uint32_t cancelling = 0;
    std::uint32_t waiting = 0;
    std::uint32_t clients = 0;                 ///< that have entered, whatever they do
    std::uint32_t stale = 0;                   ///< servers that will be closed
    std::chrono::nanoseconds longest_wait{0};  ///< of those that wait now
    bool paused = false;
    // All told.
    std::uint64_t grants = 0;  ///< times that a client got a server
    std::uint64_t wait_ns = 0;
    std::uint64_t hold_ns = 0;
};

/// Why a client of the pool waits.
[[nodiscard]] std::string_view reason_to_wait(const pool_status& of) noexcept;

/// Where a client stands.
struct claim {
    claimant::state now = claimant::state::resting;
    clock::time_point since;       ///< it waits, or holds
    const server* held = nullptr;  ///< not to be looked into: it tells servers apart
};

struct tenant_status {
    std::string name;
    std::uint32_t weight = 0;
    std::uint32_t clients = 0;
    std::uint32_t waiting = 0;
    std::uint32_t holding = 0;
    std::uint64_t transactions = 0;
    std::uint64_t server_ns = 0;
    latency_histogram waits;
    latency_histogram holds;
    latency_histogram totals;     ///< both together, of each transaction
    std::uint64_t preempted = 0;  ///< times that a server was taken back, or was to be
};

/// A server whose query is being cancelled: nobody else gets it meanwhile.
struct cancel_ticket {
    server* of = nullptr;
    endpoint address;
    cancel_request which;
};

/// What happens beside a wait for a server. Times of 0: never.
struct wait_watch {
    std::chrono::microseconds notify_after{0};
    std::function<void()> notify;  ///< called once, by the waiting fiber, without locks
    std::chrono::microseconds slow_after{0};
    /// Set by acquire() if the wait was slow, else zero; and, when it became so, why it was, and
    /// who had servers.
    std::chrono::nanoseconds slow{0};
    std::string_view reason = {};
    std::string holders;
};

class server_pool : private connection_budget::member {
public:
    /// Makes a server; called on a fiber of its own, may wait.
    using connector = std::function<std::expected<std::unique_ptr<server>, report>()>;

    server_pool(const pool_limits& limits, connector connect);
    /// Nobody may use it any more. Closes all servers; waits for those that are being made.
    ~server_pool() override;
    server_pool(const server_pool&) = delete;
    server_pool& operator=(const server_pool&) = delete;

    /// Limits that it has in common with other pools. Once, before the first client.
    void set_budgets(std::vector<std::shared_ptr<connection_budget>> budgets);

    /// `who`, of the tenant with this name, will ask for servers. The rule counts if the tenant is
    /// new. Throws std::bad_alloc.
    void enter(claimant& who, const std::string& tenant, const tenant_rule& rule);
    /// Another rule for a tenant, from now on. Nothing if there is none of this name.
    void set_rule(std::string_view tenant, const tenant_rule& rule);
    /// It will not any more. If it waits it gets none, and a server that it has is closed. By the
    /// fiber that asks for it.
    void leave(claimant& who);

    /// A server for `who`, which must have entered and rests, as soon as it is its turn. An error
    /// as for the client: nobody can be connected to, too many wait, the deadline
    /// (query_wait_timeout).
    std::expected<server*, report> acquire(claimant& who, deadline until,
                                           wait_watch* beside = nullptr) {
        return acquire(who, clock::now(), until, beside);
    }
    /// The same for one who knows what time it is. In the end who.since is when it got the server.
    std::expected<server*, report> acquire(claimant& who, clock::time_point now, deadline until,
                                           wait_watch* beside);
    /// Gives it back: to be used again, or to be closed. who.since is then the time.
    void release(claimant& who, bool reusable);

    /// Whether it neither has a server nor waits for one.
    [[nodiscard]] bool rests(const claimant& who) const;

    /// Whose query the client means, if it has any now. carry_out() or finish_cancel() must follow.
    /// Who waits for a server gets none: acquire() reports `why`.
    std::optional<cancel_ticket> begin_cancel(claimant& of, const report& why);
    /// Sends it; returns when the server has taken it, or `until`.
    void carry_out(const cancel_ticket& ticket, deadline until);
    /// `certain`: nothing of it can be on its way; else the server is closed after its use, since
    /// the cancel may come when it has another client's query.
    void finish_cancel(const cancel_ticket& ticket, bool certain = true);

    /// What is due: charges for what takes long, quotas, idle servers that are too old or closed,
    /// new ones. To be called each 100 ms or so.
    void look_after();

    /// What new clients are told; empty before the first server was connected to.
    parameter_list welcome() const;

    /// Nobody gets a server until resume(), and servers are closed as soon as nobody uses them.
    void pause();
    /// Nobody gets a server until resume(); those that are there stay.
    void suspend();
    void resume();
    /// Who waits now gets `why`.
    void refuse_waiting(const report& why);
    /// Servers are closed as soon as nobody uses them.
    void reconnect();
    void set_limits(const pool_limits& limits);
    /// Clients that wait, and come, get `why`. For good.
    void close(const report& why);

    [[nodiscard]] pool_status status() const;
    [[nodiscard]] std::vector<tenant_status> tenants() const;
    /// Calls `visit` for each server; held: who has it, or null. Under the mutex.
    void visit_servers(const std::function<void(const server&, const claimant*)>& visit) const;
    /// Whether `who`, which has a server, is to give it up for one that waits: yes for no more of
    /// them than wait for nothing else. It must release() it then.
    bool should_give_way(claimant& who);
    /// Where a client of this pool stands.
    [[nodiscard]] claim claim_of(const claimant& who) const;
    /// Which tenants have servers, "shop/ann: 3, shop/bob: 1", who has most first.
    [[nodiscard]] std::string holders() const;
    /// Calls `visit` for each client that waits, in the order of their coming. Under the mutex.
    void visit_waiting(const std::function<void(const claimant&)>& visit) const;

private:
    using doomed = std::vector<std::unique_ptr<server>>;

    void set_state(claimant& who, claimant::state to);
    void place_fresh(claimant& who) const;
    void enqueue(claimant& who, clock::time_point now);
    void dispatch(clock::time_point now, const claimant* caller);
    void grant(claimant& who, clock::time_point now, bool wake);
    bool wait(claimant& who, clock::time_point since, deadline until, wait_watch* beside);
    bool wait_in_stages(claimant& who, clock::time_point since, deadline until,
                        wait_watch& beside) const;
    void refuse(claimant& who, const report& why);
    void refuse_all(const report& why);
    [[nodiscard]] bool may_take(const tenant_account& who) const;
    server* take_idle();
    void settle(claimant& who, clock::time_point now);
    void put_back(server& returned, bool reusable, clock::time_point now, doomed& out);
    void offer(server& one, clock::time_point now, doomed& out);
    std::unique_ptr<server> extract(server& one);
    [[nodiscard]] bool too_many() const;
    [[nodiscard]] int room(clock::time_point now) const;
    void grow(clock::time_point now);
    [[nodiscard]] bool take_from_budgets();
    void give_back_to_budgets();
    void note_content();
    [[nodiscard]] bool should_yield() const;
    void settle_budgets();
    void try_again() override;
    bool give_up_idle(std::chrono::nanoseconds protection) override;
    void connect_one();
    void connected(std::expected<std::unique_ptr<server>, report> made);
    void note_failure(const report& why, clock::time_point now);
    void charge_holders(clock::time_point now);
    void refill_quotas(clock::time_point now);
    void preempt_over_quota(clock::time_point now);
    [[nodiscard]] std::size_t short_of(clock::time_point now) const;
    cancel_ticket begin_cancel_of(server& held);
    void sweep(clock::time_point now, doomed& out);
    void retire(doomed& out);
    static void say_goodbye(doomed& servers);
    [[nodiscard]] std::optional<report> reason_to_refuse(const claimant& who,
                                                         clock::time_point now) const;

    const connector connect_;
    mutable mutex mutex_;
    pool_limits limits_;
    tenant_account::queue queue_;
    std::map<std::string, std::unique_ptr<tenant_account>, std::less<>> accounts_;
    std::uint64_t active_weight_ = 0;  // of the tenants that wait or hold
    claimant_list waiting_;
    claimant_list holding_;
    std::vector<std::unique_ptr<server>> servers_;
    std::vector<server*> idle_;  // the last one was used last
    std::vector<std::shared_ptr<connection_budget>> budgets_;
    bool wants_more_ = false;  // than the budgets had
    std::uint32_t connecting_ = 0;
    std::uint32_t cancelling_ = 0;
    std::size_t giving_way_ = 0;  // holders that were told to
    std::uint64_t last_id_ = 0;
    parameter_list welcome_;
    std::optional<report> last_failure_;
    bool was_rejected_ = false;  // the last failure was the server's word
    clock::time_point retry_at_;
    std::chrono::nanoseconds retry_pause_{0};
    clock::time_point swept_at_;
    bool paused_ = false;
    pool_status totals_;  // of it what is counted all told
    std::optional<report> closed_;
    fiber_starter starter_;
    wait_group fibers_;  // that connect
};

}  // namespace weft::pool
