// SPDX-License-Identifier: Apache-2.0
//
// queue_weight: what the waiters of a queue weigh, one and all, where some are in groups.
//
// A member counts with w * W / T: its own weight by nice, times its group's, divided by that of
// all members of the group that are runnable on any worker. So the members of a group weigh W
// together, however many they are, and one queue and one virtual time serve for groups and for
// those inside. T is the sum over the group's seats: this worker's own is always exact, what is
// elsewhere is looked at now and then (refresh()).
//
// Members of a throttled group weigh nothing as long as they still stand here.
//
// Sums are in parts of 1024 of a weight, as the kernel's on 64 bits, and rounded up: were the queue
// said to weigh less than it does, its virtual time would go too fast, and nobody would ever be
// ahead of it.
//
// Thread safety: under the queue's lock; sum() from any thread.
#pragma once

#include <algorithm>
#include <cstdint>

#include <weft/fair_entity.h>

#include "base/atomic.h"
#include "sched/group_table.h"
#include "sched/waiter.h"

namespace weft::sched {

class queue_weight {
public:
    /// `groups` null: nobody who comes is in one.
    queue_weight(const group_table* groups, unsigned worker) noexcept
        : groups_(groups), worker_(worker) {}

    /// Of how many parts of the sum a weight consists.
    static constexpr unsigned parts_shift = 10;

    /// In parts.
    [[nodiscard]] std::uint64_t sum() const noexcept {
        return (plain_.load(base::relaxed) << parts_shift) + members_.load(base::relaxed);
    }

    /// `w` comes to stand in the queue. `block`: the fiber that it stands for.
    void add(const waiter& w, const waiter* block) noexcept {
        if (w.group_index() == 0) [[likely]] {
            add_plain(by_nice(w).value);
        } else {
            add_member(w, block);
        }
    }
    /// add() of one that is in no group.
    void add_plain(const waiter& w) noexcept { add_plain(by_nice(w).value); }
    /// For another worker: what is known of its group's weight stays as it is.
    void remove(const waiter& w) noexcept {
        if (w.group_index() == 0) [[likely]] {
            add_plain(-std::uint64_t{by_nice(w).value});
        } else {
            remove_member(w);
        }
    }
    /// remove(out), add(in), neither of them in a group.
    void exchange(const waiter& out, const waiter& in) noexcept {
        if (in.nice_ != out.nice_) [[unlikely]] {
            add_plain(std::uint64_t{by_nice(in).value} - by_nice(out).value);
        }
    }

    /// remove(w), set_running(w, block).
    void remove_for_run(const waiter& w, const waiter* block) noexcept {
        if (w.group_index() == 0) {
            add_plain(-std::uint64_t{by_nice(w).value});
        } else {
            change_queued(seat_of(w), -std::uint64_t{by_nice(w).value});
            if (&seat_of(w) == running_seat_) {
                settle(*running_seat_);
            }
        }
        set_running(&w, block);
    }

    /// `w`, null for nobody, is what runs from now on; `block`: the fiber that it stands for.
    void set_running(const waiter* w, const waiter* block) noexcept {
        group_seat* const before = running_seat_;
        running_seat_ = w != nullptr && w->group_index() != 0 ? &seat_of(*w) : nullptr;
        running_ = running_seat_ != nullptr ? block : nullptr;
        if (before != nullptr && before != running_seat_) {
            before->running.store(0, base::relaxed);
            settle(*before);
        }
        if (running_seat_ == nullptr) {
            return;
        }
        const std::uint64_t weight = by_nice(*w).value;
        if (running_seat_->running.load(base::relaxed) != weight || before != running_seat_) {
            running_seat_->running.store(weight, base::relaxed);
            settle(*running_seat_);
        }
    }

    /// Whether a member of a group runs.
    [[nodiscard]] bool member_runs() const noexcept { return running_seat_ != nullptr; }
    /// Whether a member of a group runs or stands here.
    [[nodiscard]] bool has_members() const noexcept {
        return running_seat_ != nullptr || ring_ != nullptr;
    }

    /// Of one that stands here or runs, in parts.
    [[nodiscard]] std::uint64_t of(const waiter& w) const noexcept {
        if (w.group_index() == 0) [[likely]] {
            return parts(by_nice(w));
        }
        const group_seat& seat = seat_of(w);
        return scale(parts(by_nice(w)), seat.owner->weight(), total(seat, w)) + 1;
    }

    /// How far the virtual time of `w`, which stands here or runs, goes while it runs for `ns`.
    [[nodiscard]] std::uint64_t to_virtual(std::uint64_t ns, const waiter& w) const noexcept {
        if (w.group_index() == 0) [[likely]] {
            return weft::to_virtual(ns, by_nice(w));
        }
        const group_seat& seat = seat_of(w);
        return scale(ns, total(seat, w) * nice_0_weight,
                     std::uint64_t{by_nice(w).value} * seat.owner->weight());
    }

    [[nodiscard]] group_seat& seat_of(const waiter& w) const noexcept {
        return groups_->at(w.group_index()).seat(worker_);
    }

    /// Calls `look(seat)` for the seat of who runs and for a few of those with members here, each
    /// in its turn, after it has looked at what is elsewhere.
    template <class Look>
    void refresh(Look look) noexcept {
        if (running_seat_ != nullptr) {
            refresh_seat(*running_seat_);
            look(*running_seat_);
        }
        for (unsigned i = 0; i < most_looked_at && ring_ != nullptr; ++i) {
            refresh_seat(*ring_);
            look(*ring_);
            ring_ = ring_->next;
        }
    }

    /// `amount` * `times` / `by`, at most 2^62.
    static std::uint64_t scale(std::uint64_t amount, std::uint64_t times,
                               std::uint64_t by) noexcept {
        __extension__ using wide = unsigned __int128;
        constexpr std::uint64_t most = std::uint64_t{1} << 62;
        const wide product = wide{amount} * times;
        if (product >> 64 == 0) [[likely]] {
            return std::min(static_cast<std::uint64_t>(product) / by, most);
        }
        return static_cast<std::uint64_t>(std::min<wide>(product / by, most));
    }

private:
    static constexpr unsigned most_looked_at = 4;

    static fair_weight by_nice(const waiter& w) noexcept { return weight_of_nice(w.nice_); }
    static std::uint64_t parts(fair_weight weight) noexcept {
        return std::uint64_t{weight.value} << parts_shift;
    }
    static std::uint64_t total(const group_seat& seat, const waiter& w) noexcept {
        return std::max<std::uint64_t>(seat.total(), by_nice(w).value);
    }

    void add_plain(std::uint64_t difference) noexcept {
        plain_.store(plain_.load(base::relaxed) + difference, base::relaxed);
    }

    [[gnu::noinline, gnu::cold]] void add_member(const waiter& w, const waiter* block) noexcept {
        if (block == running_) {
            set_running(nullptr, nullptr);  // it ran until now
        }
        change_queued(seat_of(w), by_nice(w).value);
        settle(seat_of(w));
    }

    [[gnu::noinline, gnu::cold]] void remove_member(const waiter& w) noexcept {
        group_seat& seat = seat_of(w);
        const std::uint64_t weight = by_nice(w).value;
        change_queued(seat, -weight);
        seat.elsewhere.store(seat.elsewhere.load(base::relaxed) + weight, base::relaxed);
        settle(seat);
    }

    void change_queued(group_seat& seat, std::uint64_t difference) noexcept {
        const std::uint64_t before = seat.queued.load(base::relaxed);
        const std::uint64_t after = before + difference;
        if (before == 0) {
            link(seat);
        } else if (after == 0) {
            unlink(seat);
        }
        seat.queued.store(after, base::relaxed);
    }

    /// What the members that stand here add to the sum.
    void settle(group_seat& seat) noexcept {
        const std::uint64_t queued = seat.queued.load(base::relaxed);
        const std::uint64_t now =
            queued == 0 || seat.owner->quota().throttled()
                ? 0
                : scale(queued << parts_shift, seat.owner->weight(), seat.total()) + 1;
        members_.store(members_.load(base::relaxed) + now - seat.contributed, base::relaxed);
        seat.contributed = now;
    }

    void refresh_seat(group_seat& seat) noexcept {
        group& owner = *seat.owner;
        std::uint64_t elsewhere = 0;
        for (std::size_t i = 0; i < owner.worker_count(); ++i) {
            if (i != worker_) {
                const group_seat& other = owner.seat(i);
                elsewhere += other.queued.load(base::relaxed) + other.running.load(base::relaxed);
            }
        }
        seat.elsewhere.store(elsewhere, base::relaxed);
        settle(seat);
    }

    void link(group_seat& seat) noexcept {
        if (ring_ == nullptr) {
            ring_ = seat.next = seat.prev = &seat;
            return;
        }
        seat.next = ring_;
        seat.prev = ring_->prev;
        seat.prev->next = seat.next->prev = &seat;
    }

    void unlink(group_seat& seat) noexcept {
        if (seat.next == &seat) {
            ring_ = nullptr;
            return;
        }
        seat.prev->next = seat.next;
        seat.next->prev = seat.prev;
        ring_ = ring_ == &seat ? seat.next : ring_;
    }

    const group_table* groups_;
    const unsigned worker_;
    base::atomic<std::uint64_t> plain_{0};    // weights of those in no group
    base::atomic<std::uint64_t> members_{0};  // parts of the others
    group_seat* running_seat_ = nullptr;      // of who runs, or was taken out or charged last
    const waiter* running_ = nullptr;         // that fiber, if it is in a group
    group_seat* ring_ = nullptr;              // seats with members in the queue
};

}  // namespace weft::sched
