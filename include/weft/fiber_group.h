// SPDX-License-Identifier: Apache-2.0
//
// Groups of fibers that share the CPU as one: for each tenant, client or job one, so that who has
// a thousand fibers gets no more than who has a single one.
//
//     weft::fiber_group tenant({.name = "acme", .weight = 2048});
//     weft::fiber f(weft::fiber_options{.group = &tenant}, [] { ... });
//
// CPU time is divided by weight between the groups and the fibers that are in none, then, in each
// group, between its members by their nice values. Fibers that a member spawns are members, too.
// A group that cannot use its part leaves it to the others.
//
// A group may have a quota, too: so much CPU time in each period, on all workers together, whether
// others want the CPU or not. When it is used up the group is throttled: its fibers stop until the
// period ends. One that computes stops at its next tick (as where it is preempted, so not if
// runtime_options::preempt is off: then where it next waits or yields), and what it has used by
// then beyond the quota is missing in the next period. Whoever waits for a lock that a
// throttled one holds, wherever it was stopped, waits as long as it does: a short period keeps that
// short. What a member computes inside of weft::blocking() is not counted.
//
// Coroutines are in no group. Under runtime_options::fifo groups hold fibers together and do
// nothing else.
#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>
#include <utility>

namespace weft {

class runtime;

namespace sched {
class group;
class scheduler;
}  // namespace sched

/// What a group is made with.
struct fiber_group_options {
    /// For reports. Copied.
    std::string_view name = {};
    /// Against other groups and fibers without one; a fiber of nice 0 has 1024. From 2 to 262144,
    /// others are clamped.
    std::uint32_t weight = 1024;
    /// CPU time in each period: at least 1 ms; 0: as much as there is.
    std::chrono::nanoseconds quota{0};
    /// From 1 ms to 1 s. Means nothing without a quota.
    std::chrono::nanoseconds period = std::chrono::milliseconds(100);
};

/// What a group has had, and has.
struct fiber_group_stats {
    std::chrono::nanoseconds cpu_time{0};  ///< that its fibers have used; 0 under fifo
    std::uint64_t fibers = 0;              ///< started and not ended
    std::uint64_t throttled = 0;           ///< times that its quota was used up
};

/// A handle of a group; move-only. The group itself ends when the handle and all its fibers have:
/// fibers go on, and spawn others into it, after the handle's end. A handle must not outlive its
/// runtime. Methods may be called from any thread, but not beside a move or the end of the handle.
class fiber_group {
public:
    /// A group of the runtime that runs the caller; asserts elsewhere. Throws std::bad_alloc, and
    /// std::length_error beyond 255 groups of a runtime at a time, std::invalid_argument for a
    /// quota or a period out of its range.
    explicit fiber_group(const fiber_group_options& options = {});
    /// From any thread.
    explicit fiber_group(runtime& on, const fiber_group_options& options = {});

    /// What was moved from may be assigned to or destroyed, nothing else.
    fiber_group(fiber_group&& other) noexcept
        : group_(std::exchange(other.group_, nullptr)), owner_(other.owner_) {}
    /// Lets go of its own group first; that goes on as long as fibers are in it.
    fiber_group& operator=(fiber_group&& other) noexcept {
        fiber_group(std::move(other)).swap(*this);
        return *this;
    }
    /// Fibers of the group go on.
    ~fiber_group();

    /// Takes effect within some 20 ms.
    void set_weight(std::uint32_t weight) noexcept;
    /// As given or set, clamped.
    [[nodiscard]] std::uint32_t weight() const noexcept;

    /// Valid as long as the handle.
    [[nodiscard]] std::string_view name() const noexcept;

    /// A snapshot; the numbers need not be of the same moment.
    [[nodiscard]] fiber_group_stats stats() const noexcept;

    void swap(fiber_group& other) noexcept {
        std::swap(group_, other.group_);
        std::swap(owner_, other.owner_);
    }
    friend void swap(fiber_group& a, fiber_group& b) noexcept { a.swap(b); }

    /// For the library's own use: null if it was moved from.
    [[nodiscard]] sched::group* get_group() const noexcept { return group_; }
    [[nodiscard]] sched::scheduler* get_scheduler() const noexcept { return owner_; }

private:
    fiber_group(sched::scheduler& owner, const fiber_group_options& options);

    sched::group* group_ = nullptr;
    sched::scheduler* owner_ = nullptr;
};

}  // namespace weft
