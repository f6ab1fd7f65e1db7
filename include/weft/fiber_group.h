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

struct fiber_group_options {
    /// For reports. Copied.
    std::string_view name = {};
    /// Against other groups and fibers without one; a fiber of nice 0 has 1024. From 2 to 262144,
    /// others are clamped.
    std::uint32_t weight = 1024;
};

struct fiber_group_stats {
    std::chrono::nanoseconds cpu_time{0};  ///< that its fibers have used
    std::uint64_t fibers = 0;              ///< started and not ended
};

/// A handle of a group; move-only. The group itself ends when the handle and all its fibers have:
/// fibers go on, and spawn others into it, after the handle's end. A handle must not outlive its
/// runtime. Methods may be called from any thread, but not beside a move or the end of the handle.
class fiber_group {
public:
    /// A group of the runtime that runs the caller; asserts elsewhere. Throws std::bad_alloc, and
    /// std::length_error beyond 255 groups of a runtime at a time.
    explicit fiber_group(const fiber_group_options& options = {});
    /// From any thread.
    explicit fiber_group(runtime& on, const fiber_group_options& options = {});

    fiber_group(fiber_group&& other) noexcept
        : group_(std::exchange(other.group_, nullptr)), owner_(other.owner_) {}
    fiber_group& operator=(fiber_group&& other) noexcept {
        fiber_group(std::move(other)).swap(*this);
        return *this;
    }
    ~fiber_group();

    /// Takes effect within milliseconds.
    void set_weight(std::uint32_t weight) noexcept;
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
