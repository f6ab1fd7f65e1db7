// SPDX-License-Identifier: Apache-2.0
//
// connection_budget: a limit that several pools have in common, for the servers of a database, of a
// user, or of all. It may be changed at any time, also from and to none. While it is not reached it
// does nothing. Then a pool that wants one more gets it
//
//   - from a pool that has idle ones beyond its protection, which closes one;
//   - or from one that has had more: it closes the next server that comes back to it.
//
// Who has had more is told by virtual server time, as within a pool: the time that its servers were
// held, divided between all pools alike. A pool that comes back after a pause begins at the least
// of those that are active, so that a pause gives no credit. Thus no pool waits for ever, however
// many clients the others have.
//
// Protection: an idle server stays with its pool for a second while the pool has no more than its
// part of the limit, so that a light pool need not connect anew for each query.
//
// Locks: a budget's own is taken inside of that of a pool, never the other way; what it asks of
// pools, it asks without.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <vector>

#include <weft/mutex.h>
#include <weft/time.h>

namespace weft::pool {

class connection_budget {
public:
    /// A pool as its budgets see it. All of it is guarded by the budget.
    class member {
    public:
        virtual ~member() = default;
        /// It may be able to connect now. Called without locks.
        virtual void try_again() = 0;
        /// Closes an idle server that has been for `protection` at least; whether there was one.
        /// Called without locks.
        virtual bool give_up_idle(std::chrono::nanoseconds protection) = 0;
    };

    /// 0: there is none.
    explicit connection_budget(int limit) noexcept : limit_(limit) {}
    connection_budget(const connection_budget&) = delete;
    connection_budget& operator=(const connection_budget&) = delete;

    void join(member& who);
    void leave(member& who);
    void set_limit(int limit);

    /// Whether `who` may have one more, which counts from now on. If not, it is noted as one that
    /// wants one.
    bool take(member& who);
    /// It has one less.
    void give_back(member& who);
    /// It does not want one any more.
    void content(member& who);
    /// Its servers were held for so long.
    void charge(member& who, std::int64_t ns);
    /// Whether it should close a server that has come back, for one who has had less.
    [[nodiscard]] bool should_yield(const member& who) const;

    /// Lets those that want one look for it. Without locks.
    void settle();

private:
    struct account {
        member* who = nullptr;
        std::int64_t virtual_ns = 0;
        int servers = 0;
        bool wants = false;
    };

    account* find(const member& who);
    [[nodiscard]] const account* neediest() const;
    [[nodiscard]] std::int64_t least_active(const account& but) const;
    bool evict_for(const member& who);

    mutable mutex mutex_;
    std::atomic<int> limit_;  // most have none: what is done for each transaction looks first
    int used_ = 0;
    std::vector<account> accounts_;
};

}  // namespace weft::pool
