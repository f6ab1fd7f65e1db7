// SPDX-License-Identifier: Apache-2.0
//
// group: fibers that share the CPU as one, by the weight of the group, and their places, the
// *seats*: one for each worker. How shares come about is in queue_weight.h, and why in
// docs/adr/0004.
//
// A group lives while something refers to it: its handle, a fiber in it, a timer of its quota. Its
// memory stays until the scheduler ends (see group_table.h), so that a seat may be read without
// knowing whether the group still lives.
//
// Thread safety: any thread; a seat as it says.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include <weft/fair_entity.h>

#include "base/atomic.h"
#include "sched/group_quota.h"
#include "sched/group_refill.h"

namespace weft::sched {

class group;
struct ahead_node;

/// A group on one worker.
struct alignas(64) group_seat {
    // Written under the lock of the worker's queue, read by all: sums of weights by nice.
    base::atomic<std::uint64_t> queued{0};   ///< of members that stand in the queue
    base::atomic<std::uint64_t> running{0};  ///< of the one that runs
    base::atomic<std::uint64_t> ran{0};      ///< CPU time of members here, in ns

    /// Queued and running on other workers, when last looked at by this one.
    base::atomic<std::uint64_t> elsewhere{0};

    // Under that lock.
    std::uint64_t contributed = 0;  ///< what the members that stand here add to the queue's weight
    group* owner = nullptr;
    group_seat* next = nullptr;  ///< in the ring of those with queued members
    group_seat* prev = nullptr;
    ahead_node* first_ahead = nullptr;  ///< its members in the tree
    // The greatest ratio of `total` to the group's weight by which one of those was charged.
    std::uint64_t keyed_total = 1;
    std::uint64_t keyed_weight = 1;

    /// The weight of all its members that are runnable, here and elsewhere.
    [[nodiscard]] std::uint64_t total() const noexcept {
        return elsewhere.load(base::relaxed) + queued.load(base::relaxed) +
               running.load(base::relaxed);
    }
};

class group {
public:
    group(std::uint8_t index, std::size_t workers)
        : index_(index), workers_(workers), seats_(std::make_unique<group_seat[]>(workers)) {
        for (std::size_t i = 0; i < workers; ++i) {
            seats_[i].owner = this;
        }
    }
    group(const group&) = delete;
    group& operator=(const group&) = delete;

    /// Its place in the table; waiter::group_index().
    [[nodiscard]] std::uint8_t index() const noexcept { return index_; }
    [[nodiscard]] group_seat& seat(std::size_t worker) noexcept { return seats_[worker]; }
    [[nodiscard]] std::size_t worker_count() const noexcept { return workers_; }

    [[nodiscard]] std::uint32_t weight() const noexcept { return weight_.load(base::relaxed); }
    /// From least_weight to greatest_weight.
    void set_weight(std::uint32_t weight) noexcept { weight_.store(weight, base::relaxed); }

    [[nodiscard]] group_quota& quota() noexcept { return quota_; }
    [[nodiscard]] const group_quota& quota() const noexcept { return quota_; }
    [[nodiscard]] group_refill& refill() noexcept { return refill_; }

    [[nodiscard]] const std::string& name() const noexcept { return name_; }

    /// CPU time that its members have used.
    [[nodiscard]] std::uint64_t ran() const noexcept {
        std::uint64_t sum = 0;
        for (std::size_t i = 0; i < workers_; ++i) {
            sum += seats_[i].ran.load(base::relaxed);
        }
        return sum;
    }

    /// Fibers in it that have been created and have not ended.
    [[nodiscard]] std::uint64_t members() const noexcept {
        return references_.load(base::relaxed) % a_handle;
    }

private:
    friend class group_table;

    // Of references_: so that exactly one who drops the last one sees 0.
    static constexpr std::uint64_t a_member = 1;
    static constexpr std::uint64_t a_handle = std::uint64_t{1} << 48;
    static constexpr std::uint64_t a_refill = std::uint64_t{1} << 56;

    const std::uint8_t index_;
    const std::size_t workers_;
    const std::unique_ptr<group_seat[]> seats_;
    base::atomic<std::uint32_t> weight_{nice_0_weight};
    base::atomic<std::uint64_t> references_{0};
    std::string name_;
    group_quota quota_;
    group_refill refill_{*this};
};

}  // namespace weft::sched
