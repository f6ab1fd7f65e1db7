// SPDX-License-Identifier: Apache-2.0
//
// fair_policy: the order of a worker's run queue. Fair by virtual time, with a lane for those who
// have not had more than their share, so that the common case costs little more than a plain queue.
//
//   lane    who has had at most `granularity` of virtual time more than is fair: in the order of
//           arrival, linked through waiter::next_, touching nothing but the block
//   ahead   who has had more, and who was preempted: in a tree by the virtual time at which each
//           would have had half of a slice. Its node lies at the top of the fiber's own stack: a
//           block has no room for it, as a woken fiber still stands in the lists of what it waited
//           for; and who is ahead has just computed, so its stack is warm. Were one that was
//           preempted in the lane, the next one would be preempted for it as for a sleeper, in the
//           midst of its slice
//
// The first of the lane runs next, unless the first of the tree comes before it by that time, too,
// and has had no more than is fair. By half of a slice, since a slice takes a light one far: it
// begins as much behind as it is ahead at the end, so that at any moment all are as near to what is
// fair as slices allow. By virtual time alone each would begin where it is even, and be off by
// twice as much. EEVDF's deadlines do the same with a whole slice, and weft::cfs does not. So where
// nobody computes for long everything is in the lane and the order is that of fifo; and whoever
// takes more than its share waits in the tree until the others have had as much.
//
// What is fair is the queue's virtual time, which goes as fast as that of each would if all that
// are runnable ran at once: by ns * 1024 / (sum of weights) while any of them runs. This is EEVDF's
// V. CFS's min_vruntime would need the least of the lane, and stands still while everything that
// runs is new.
//
// A fiber that has not started keeps its callable where other links would be, and has no stack: it
// stands in the lane like a sleeper, however long it has waited there. So do coroutines, which have
// no virtual time.
//
// Members of a group weigh what queue_weight.h says, which changes with the number of those that
// are runnable. Who has had more than its share owes CPU time; so if the same members wait in the
// tree when their weight has doubled, what they owe in virtual time is halved.
//
// A fiber's vruntime counts in the time of the worker in whose queue it stood last (home_); who
// moves it to another one calls move(). In a fifo queue nobody is ever charged, and all stand in
// the lane.
//
// Thread safety: see run_queue; virtual_time() from any thread.
#pragma once

#include <algorithm>
#include <new>

#include <weft/fair_entity.h>

#include "base/atomic.h"
#include "sched/fiber_block.h"
#include "sched/kernel_thread.h"
#include "sched/queue_weight.h"
#include "sched/waiter_queue.h"

namespace weft::sched {

/// The place in the tree of a fiber, or of the kernel thread on which it was preempted. At the top
/// of its stack.
struct ahead_node {
    fair_links<ahead_node> links;
    std::uint64_t key = 0;
    waiter* who = nullptr;
    // Of the same group and worker.
    ahead_node* next_member = nullptr;
    ahead_node* prev_member = nullptr;

    /// What is kept free for it there; a multiple of what stacks are aligned to.
    static constexpr std::size_t room = 64;
};
static_assert(sizeof(ahead_node) <= ahead_node::room);

class fair_policy {
public:
    /// CFS's wake-up granularity and half of its latency, which is what a sleeper gains at most,
    /// for one CPU; see weft/detail/fair_cfs.h.
    static constexpr std::uint64_t granularity = 1'000'000;
    static constexpr std::uint64_t sleeper_credit = 3'000'000;
    /// How much CPU time anybody owes, however long it has computed without letting others run; in
    /// its own virtual time, since a light one is ahead by seconds after a usual slice.
    static constexpr std::uint64_t most_owed = 100'000'000;
    /// How far behind anybody stays who waits for its turn; a bound for arithmetic only.
    static constexpr std::uint64_t most_behind = std::uint64_t{1} << 62;

    /// `slice`: that is usual; 0: fifo, nobody will be charged. Without `groups` nobody may be in
    /// one.
    explicit fair_policy(base::nanoseconds_t slice = 3'000'000, const group_table* groups = nullptr,
                         unsigned worker = 0) noexcept
        : half_slice_(static_cast<std::uint64_t>(slice) / 2), weight_(groups, worker) {}

    [[nodiscard]] std::uint64_t virtual_time() const noexcept { return now_.load(base::relaxed); }

    /// `how`: woken, or moved: it was runnable before, here or elsewhere. Not MayBeMember: `w` is
    /// in no group.
    template <bool MayBeMember = true>
    void enqueue(waiter& w, arrival how = arrival::moved) noexcept {
        fiber_block* const fiber = fiber_of(w);
        if constexpr (MayBeMember) {
            weight_.add(w, block_of(w));
        } else {
            weight_.add_plain(w);
        }
        if (fiber != nullptr) {
            place(*fiber, how == arrival::woken ? sleeper_credit : most_behind);
            if (is_ahead(*fiber) || (w.kind() == waiter_kind::kernel_thread && half_slice_ != 0)) {
                insert(*fiber, w);
                return;
            }
        }
        lane_.push_back(w);
    }

    /// The weight of what pick_next() would take, in parts; 0 when empty.
    [[nodiscard]] std::uint64_t next_weight() const noexcept {
        const bool from_tree = !ahead_.empty() && first_of_tree_goes_first();
        const waiter* const w = from_tree ? ahead_.first()->who : lane_.front();
        return w != nullptr ? weight_.of(*w) : 0;
    }

    /// Removes the next one, for the worker of this queue to run it; null when empty.
    waiter* pick_next() noexcept {
        waiter* const w = take_out();
        will_run(w);
        return w;
    }

    /// Removes the one that was preempted first, for the worker of this queue to run it, whoever
    /// should come before it; null if there is none. Under fifo they stand in the lane, where
    /// pick_next() finds them.
    waiter* pick_suspended() noexcept {
        waiter* const w = suspended_.front();
        if (w != nullptr) {
            remove(node_of(*fiber_of(*w)));
            will_run(w);
        }
        return w;
    }

    /// Removes the next one, for another worker; null when empty.
    waiter* take_next() noexcept {
        waiter* const w = take_out();
        if (w != nullptr) {
            weight_.remove(*w);
        }
        return w;
    }

    /// `w`, null for nobody, is what runs.
    void set_running(waiter* w) noexcept {
        if (weight_.member_runs() || (w != nullptr && w->group_index() != 0)) [[unlikely]] {
            change_running(w, false);
        }
    }
    /// Whether a member of a group runs, as far as set_running(), pick_next() and charge() said.
    [[nodiscard]] bool member_runs() const noexcept { return weight_.member_runs(); }

    /// Whether exchange() may be called: the lane has a fiber first, nobody is ahead, `w` neither,
    /// and neither of the two is in a group.
    [[nodiscard]] bool can_exchange(const fiber_block& w) const noexcept {
        return !lane_.empty() && (w.kind_and_group() | lane_.front()->kind_and_group()) == 0 &&
               ahead_.empty() && !is_ahead(w);
    }
    /// pick_next(), then enqueue(w).
    void exchange(fiber_block& w) noexcept {
        weight_.exchange(*lane_.front(), w);
        lane_.rotate(w);
    }

    /// What pick_next() would probably take, and then; for prefetching.
    [[nodiscard]] waiter* peek() const noexcept { return lane_.front(); }
    static waiter* peek_after(const waiter& w) noexcept { return waiter_queue::next(w); }

    /// Whether `w`, which yields, has had more than who would come next, or less by no more than
    /// what does not matter.
    [[nodiscard]] bool should_yield(const fiber_block& w) const noexcept {
        return !lane_.empty() || ahead_.empty() ||
               !before_in_time(w.vruntime_ + granularity, first_ahead().vruntime_);
    }

    /// Whether who runs, `fiber` or a coroutine (null), makes room. At the end of its slice: if
    /// another one would come before it, or it has had no less than is fair. Before: if it has had
    /// more by what matters, as where a sleeper has woken; CFS's rule for preemption by a wake-up.
    [[nodiscard]] bool should_preempt(const fiber_block* fiber, bool slice_is_over) noexcept {
        if (lane_.empty() && ahead_.empty()) {
            return false;
        }
        if (fiber == nullptr) {
            return slice_is_over;
        }
        if (lane_.empty()) {
            return slice_is_over && before_in_time(ahead_.first()->key, middle_of_slice(*fiber));
        }
        const std::uint64_t v = fiber->vruntime_;
        const fiber_block* const first = fiber_of(*lane_.front());
        if (!slice_is_over) {
            const std::uint64_t theirs =
                first != nullptr ? first->vruntime_ : virtual_time() - sleeper_credit;
            return before_in_time(theirs + granularity, v);
        }
        return !before_in_time(v, virtual_time()) || first == nullptr ||
               !before_in_time(middle_of_slice(*fiber), middle_of_slice(*first));
    }

    /// Of all that stand here, in parts of a weight (queue_weight.h), as all that is said of loads.
    [[nodiscard]] std::uint64_t weight() const noexcept { return weight_.sum(); }
    /// With that of who runs, or was charged last.
    [[nodiscard]] std::uint64_t load() const noexcept {
        return weight() + running_.load(base::relaxed);
    }

    /// `fiber`, or a coroutine (null), has run for `ns` while the others that were runnable weighed
    /// `others`.
    void charge(fiber_block* fiber, std::uint64_t ns, std::uint64_t others) noexcept {
        if (weight_.has_members() || (fiber != nullptr && fiber->group_index() != 0)) [[unlikely]] {
            charge_beside_groups(fiber, ns, others);
            return;
        }
        const fair_weight weight = weight_of_nice(fiber != nullptr ? fiber->nice_ : 0);
        count_run(ns, others, std::uint64_t{weight.value} << queue_weight::parts_shift);
        if (fiber != nullptr) {
            fiber->vruntime_ += to_virtual(ns, weight);
        }
    }

    /// `fiber` is new: its virtual time begins with the queue's.
    void join(fiber_block& fiber) const noexcept { fiber.vruntime_ = virtual_time(); }
    /// `fiber` starts. That it has waited for that counts no more than if it had slept.
    void begin(fiber_block& fiber) const noexcept { place(fiber, sleeper_credit); }

    /// Of a fiber whose vruntime was in the time of a queue at `their_time`.
    void move(waiter& w, std::uint64_t their_time) const noexcept {
        if (fiber_block* const fiber = block_of(w)) {
            fiber->vruntime_ += virtual_time() - their_time;
        }
    }

private:
    struct order {
        using node = ahead_node;
        static fair_links<node>& links(node& n) noexcept { return n.links; }
        static bool before(const node& a, const node& b) noexcept {
            return before_in_time(a.key, b.key);
        }
        static constexpr bool summarised = false;
    };

    /// Whose virtual time counts. Null: it has none.
    static fiber_block* fiber_of(waiter& w) noexcept {
        if (w.kind() == waiter_kind::fiber) [[likely]] {
            auto& fiber = static_cast<fiber_block&>(w);
            return fiber.started() ? &fiber : nullptr;
        }
        return w.kind() == waiter_kind::kernel_thread ? static_cast<kernel_thread&>(w).suspended_
                                                      : nullptr;
    }

    /// The fiber that `w` stands for, started or not. Null: none.
    static fiber_block* block_of(waiter& w) noexcept {
        return w.kind() == waiter_kind::fiber ? static_cast<fiber_block*>(&w) : fiber_of(w);
    }

    static constexpr std::uint64_t nice_0_parts = std::uint64_t{nice_0_weight}
                                                  << queue_weight::parts_shift;

    /// Its weight stays.
    waiter* take_out() noexcept {
        if (ahead_.empty() || !first_of_tree_goes_first()) [[likely]] {
            return lane_.pop_front();
        }
        ahead_node& node = *ahead_.first();
        remove(node);
        return node.who;
    }

    /// From the tree, and from the lists of those that stand there.
    void remove(ahead_node& node) noexcept {
        ahead_.erase(node);
        if (node.who->kind() == waiter_kind::kernel_thread) {
            suspended_.remove(*node.who);
        }
        if (node.who->group_index() != 0) [[unlikely]] {
            leave_seat(node);
        }
    }

    /// `w`, which was taken out, null for nobody, is what runs.
    void will_run(waiter* w) noexcept {
        if (weight_.member_runs() || (w != nullptr && w->group_index() != 0)) [[unlikely]] {
            change_running(w, true);
        } else if (w != nullptr) {
            weight_.remove(*w);
        }
    }

    /// `stood_here`: its weight goes.
    [[gnu::noinline, gnu::cold]] void change_running(waiter* w, bool stood_here) noexcept {
        const fiber_block* const block = w != nullptr ? block_of(*w) : nullptr;
        if (w != nullptr && stood_here) {
            weight_.remove_for_run(*w, block);
        } else {
            weight_.set_running(w, block);
        }
    }

    /// For so long one of `weight` ran beside `others`, both in parts. An hour counts as long as
    /// more does: of that who runs owes a bounded part only.
    void count_run(std::uint64_t ns, std::uint64_t others, std::uint64_t weight) noexcept {
        constexpr std::uint64_t most = 3'600'000'000'000;
        running_.store(weight, base::relaxed);
        now_.store(virtual_time() + std::min(ns, most) * nice_0_parts / (others + weight),
                   base::relaxed);
    }

    [[gnu::noinline, gnu::cold]] void charge_beside_groups(fiber_block* fiber, std::uint64_t ns,
                                                           std::uint64_t others) noexcept {
        set_running(fiber);
        since_look_ += ns;
        if (since_look_ >= look_at_groups_every) {
            since_look_ = 0;
            weight_.refresh([this](group_seat& seat) { rescale_debts(seat); });
        }
        count_run(ns, others, fiber != nullptr ? weight_.of(*fiber) : nice_0_parts);
        if (fiber == nullptr) {
            return;
        }
        fiber->vruntime_ += weight_.to_virtual(ns, *fiber);
        if (fiber->group_index() != 0) {
            group_seat& seat = weight_.seat_of(*fiber);
            seat.ran.store(seat.ran.load(base::relaxed) + ns, base::relaxed);
        }
    }

    /// How often a look at other workers is worth its price, in ns.
    static constexpr std::uint64_t look_at_groups_every = 250'000;

    [[gnu::noinline, gnu::cold]] static void enter_seat(group_seat& seat,
                                                        ahead_node& node) noexcept {
        const std::uint64_t total = seat.total();
        const std::uint64_t weight = seat.owner->weight();
        if (seat.first_ahead == nullptr || total * seat.keyed_weight > seat.keyed_total * weight) {
            seat.keyed_total = total;
            seat.keyed_weight = weight;
        }
        node.next_member = seat.first_ahead;
        if (seat.first_ahead != nullptr) {
            seat.first_ahead->prev_member = &node;
        }
        seat.first_ahead = &node;
    }

    [[gnu::noinline, gnu::cold]] void leave_seat(ahead_node& node) noexcept {
        if (node.prev_member != nullptr) {
            node.prev_member->next_member = node.next_member;
        } else {
            weight_.seat_of(*node.who).first_ahead = node.next_member;
        }
        if (node.next_member != nullptr) {
            node.next_member->prev_member = node.prev_member;
        }
    }

    /// Of members in the tree, if they weigh at least twice as much as when they came: their slices
    /// take them less far, too.
    void rescale_debts(group_seat& seat) noexcept {
        const std::uint64_t total = std::max<std::uint64_t>(seat.total(), 1);
        const std::uint64_t weight = seat.owner->weight();
        if (2 * total * seat.keyed_weight > seat.keyed_total * weight) {
            return;
        }
        const std::uint64_t times = total * seat.keyed_weight;
        const std::uint64_t by = seat.keyed_total * weight;
        for (ahead_node* node = seat.first_ahead; node != nullptr; node = node->next_member) {
            fiber_block& fiber = *fiber_of(*node->who);
            ahead_.erase(*node);
            if (before_in_time(virtual_time(), fiber.vruntime_)) {
                const std::uint64_t debt = fiber.vruntime_ - virtual_time();
                fiber.vruntime_ = virtual_time() + queue_weight::scale(debt, times, by);
            }
            node->key = middle_of_slice(fiber);
            ahead_.insert(*node);
        }
        seat.keyed_total = total;
        seat.keyed_weight = weight;
    }

    /// The virtual time of `fiber`, which stands here or runs, after half of a slice. Not of one of
    /// its own: who asks for a short one would come first again at each end of it.
    [[nodiscard]] std::uint64_t middle_of_slice(const fiber_block& fiber) const noexcept {
        return fiber.vruntime_ + weight_.to_virtual(half_slice_, fiber);
    }

    /// There must be one.
    [[nodiscard]] const fiber_block& first_ahead() const noexcept {
        return *fiber_of(*ahead_.first()->who);
    }

    [[nodiscard]] bool is_ahead(const fiber_block& fiber) const noexcept {
        return before_in_time(virtual_time() + granularity, fiber.vruntime_);
    }

    /// Within what a sleeper may keep and a hog may owe.
    void place(fiber_block& fiber, std::uint64_t credit) const noexcept {
        const auto distance = static_cast<std::int64_t>(fiber.vruntime_ - virtual_time());
        if (distance < -static_cast<std::int64_t>(credit)) {
            fiber.vruntime_ = virtual_time() - credit;
        } else if (distance > static_cast<std::int64_t>(granularity)) [[unlikely]] {
            const std::uint64_t most = weight_.to_virtual(most_owed, fiber);
            fiber.vruntime_ = virtual_time() + std::min(static_cast<std::uint64_t>(distance), most);
        }
    }

    static std::byte* place_of_node(const fiber_block& fiber) noexcept {
        return fiber.stack_.top() - ahead_node::room;
    }
    static ahead_node& node_of(const fiber_block& fiber) noexcept {
        return *std::launder(reinterpret_cast<ahead_node*>(place_of_node(fiber)));
    }

    void insert(fiber_block& fiber, waiter& w) noexcept {
        auto* const node = ::new (place_of_node(fiber)) ahead_node;
        node->key = middle_of_slice(fiber);
        node->who = &w;
        ahead_.insert(*node);
        if (w.kind() == waiter_kind::kernel_thread) {
            suspended_.push_back(w);
        }
        if (w.group_index() != 0) [[unlikely]] {
            enter_seat(weight_.seat_of(w), *node);
        }
    }

    [[nodiscard]] bool first_of_tree_goes_first() const noexcept {
        waiter* const first = lane_.front();
        if (first == nullptr) {
            return true;
        }
        const std::uint64_t v = first_ahead().vruntime_;
        const fiber_block* const fiber = fiber_of(*first);
        if (fiber == nullptr) {
            return !before_in_time(virtual_time() - sleeper_credit, v);
        }
        return !before_in_time(virtual_time(), v) &&
               !before_in_time(middle_of_slice(*fiber), ahead_.first()->key);
    }

    const std::uint64_t half_slice_;
    waiter_queue lane_;
    fair_tree<order> ahead_;
    waiter_list suspended_;  // kernel threads that stand in the tree, in the order of arrival
    base::atomic<std::uint64_t> now_{0};
    queue_weight weight_;                                // of all that stand here
    std::uint64_t since_look_ = 0;                       // ns charged since groups were looked at
    base::atomic<std::uint64_t> running_{nice_0_parts};  // of who was charged last
};

}  // namespace weft::sched
