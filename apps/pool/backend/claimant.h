// SPDX-License-Identifier: Apache-2.0
//
// Who wants servers: claimants, one for each client, and the accounts of the tenants to which they
// belong. Both stand in the fair queue of a pool, which guards them by its mutex.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include <weft/fair_queue.h>
#include <weft/semaphore.h>
#include <weft/time.h>

#include "metrics/latency.h"
#include "wire/build.h"

namespace weft::pool {

struct server;
struct tenant_account;

/// A client's place in the queue of its pool. Used by one fiber at a time, the client's; what the
/// pool writes here is read by others under the pool's mutex.
struct alignas(64) claimant : fair_entity {  // what a search in the tree reads lies in one line
    enum class state : std::uint8_t {
        resting,  ///< wants nothing
        waiting,  ///< in the queue
        holding,  ///< has a server
        refused,  ///< gets none: `refusal` says why
    };

    tenant_account* account = nullptr;  ///< set by server_pool::enter()
    state now = state::resting;
    bool fresh = true;               ///< it has never waited
    bool gives_way = false;          ///< it was told to give up what it holds
    std::uint32_t waited_us = 0;     ///< for what it holds; an hour and more counts as an hour
    server* held = nullptr;          ///< while holding
    clock::time_point since;         ///< it waits, holds or, having held, rests
    clock::time_point preempted;     ///< what it ran was cancelled for others
    std::int64_t charged_ns = 0;     ///< of what it holds, so far
    counting_semaphore<1> ready{0};  ///< released when waiting ends
    std::unique_ptr<report> refusal;
    // Its place among those that wait, in the order of their arrival, or among those that hold.
    claimant* next = nullptr;
    claimant* prev = nullptr;
};

/// What is shared out: server time. One for each tenant of a pool.
struct tenant_account {
    using queue = fair_queue<claimant>;

    tenant_account(queue& of, std::string named, std::uint32_t weight, fair_quota quota)
        : name(std::move(named)), group(of, weight, quota) {}

    const std::string name;
    queue::group group;
    std::uint32_t clients = 0;  ///< claimants that have entered
    std::uint32_t waiting = 0;
    std::uint32_t holding = 0;
    std::uint32_t most_waiting = 0;  ///< 0: no limit of its own
    /// What a transaction of it takes, on average: charged in advance.
    std::int64_t usual_cost_ns = 1'000'000;
    std::uint64_t newest = 0;        ///< where the last client that was fresh has been placed
    std::uint64_t transactions = 0;  ///< that have ended
    std::uint64_t preempted = 0;     ///< times that a client's server was to be taken back
    latency_histogram waits;         ///< from the wish to the server
    latency_histogram holds;         ///< from the server to its return
    latency_histogram totals;        ///< from the wish to the return
};

/// A list of claimants in the order in which they came.
class claimant_list {
public:
    [[nodiscard]] claimant* first() const noexcept { return first_; }
    [[nodiscard]] std::uint32_t count() const noexcept { return count_; }
    void append(claimant& who) noexcept {
        who.prev = last_;
        who.next = nullptr;
        (last_ != nullptr ? last_->next : first_) = &who;
        last_ = &who;
        ++count_;
    }
    void remove(claimant& who) noexcept {
        (who.prev != nullptr ? who.prev->next : first_) = who.next;
        (who.next != nullptr ? who.next->prev : last_) = who.prev;
        --count_;
    }

private:
    claimant* first_ = nullptr;
    claimant* last_ = nullptr;
    std::uint32_t count_ = 0;
};

}  // namespace weft::pool
