// SPDX-License-Identifier: Apache-2.0
//
// selection: one select, for fibers and threads (select_core.cpp) and for coroutines
// (coro/async_channel.cpp).
//
//     selection s(cases);
//     bool over = s.look_or_queue(who);      // false: `who` is prepared and stands everywhere
//     while (!over) {
//         reason = ... park until s.until()
//         over = s.finish(reason, whose deadline it was) || s.look_or_queue(who);
//     }
//     s.outcome()
//
// As Go's: all channels are locked together, in the order of their addresses, each once. While all
// are locked nothing can become ready, and no node stands anywhere; so a look at all of them and
// the queueing before all of them are one step, and two selects that have each other's peer cannot
// miss each other or both win. Who takes something from a waiting select wins its wake-up first, as
// of any node with several wakers (channel_core.h); exactly one does.
//
// Rejected: locking one channel after the other, and claiming oneself before a peer. Two selects
// that wait for each other then claim themselves both, and both start again.
//
// What is not a channel has no lock to be held: sockets and stop tokens are asked before the
// channels are locked, and added after that; each of them says by waking the waiter that was
// prepared before if it is ready by then.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include <weft/detail/select_case.h>

#include "sched/waiter.h"

namespace weft::sync {

struct wait_node;

class selection {
public:
    explicit selection(std::span<select_case* const> cases) noexcept;
    selection(const selection&) = delete;
    selection& operator=(const selection&) = delete;

    /// Whether it takes no case but one that is ready now.
    [[nodiscard]] bool never_waits() const noexcept { return otherwise_ != nowhere; }

    /// When it ends or looks again by itself: the earliest one of the cases.
    [[nodiscard]] deadline until() const noexcept { return until_; }

    /// True: it is over, see outcome(). `who` is not used if never_waits().
    bool look_or_queue(sched::waiter* who) noexcept;

    /// The wait that look_or_queue() prepared has ended for `reason`; `at`: its deadline. False:
    /// it was woken for nothing.
    bool finish(sched::wake_reason reason, deadline at) noexcept;

    /// All of the above by a plain thread whose cases are sockets, too.
    void run_on_thread() noexcept;
    [[nodiscard]] bool has_sources() const noexcept { return has_sources_; }

    /// The index of the case that was taken.
    [[nodiscard]] result<std::size_t> outcome() const noexcept {
        if (error_) [[unlikely]] {
            return std::unexpected(error(error_, "select"));
        }
        return taken_;
    }

private:
    static constexpr std::size_t nowhere = static_cast<std::size_t>(-1);

    /// Of those that are ready now, each with the same probability.
    class choice;

    [[nodiscard]] deadline deadline_of(std::size_t index) const noexcept;
    void list_by_address(channel_case& one) noexcept;
    bool take_ready(sched::waiter* or_queue) noexcept;
    [[nodiscard]] choice choose_beside_channels(bool waits) const noexcept;
    std::size_t take_under_locks(choice others, sched::waiter* or_queue) noexcept;
    std::size_t take_with_channels(choice others, wait_node*& woken) noexcept;
    void stand_before_channels(sched::waiter& who) noexcept;
    void add_others(sched::waiter& who) noexcept;
    std::size_t leave_all() noexcept;
    void end(std::size_t taken) noexcept;
    void end(std::error_code error) noexcept;

    const std::span<select_case* const> cases_;
    channel_case* locked_ = nullptr;  // the first of their list, by address
    std::size_t otherwise_ = nowhere;
    std::size_t deadline_ = nowhere;
    deadline until_;
    std::size_t taken_ = nowhere;
    std::error_code error_;
    bool has_sources_ = false;
};

}  // namespace weft::sync
