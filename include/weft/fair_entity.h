// SPDX-License-Identifier: Apache-2.0
//
// What takes part in fair sharing: weights, virtual time, and fair_entity, the base of whatever a
// fair_queue holds.
//
// All times are nanoseconds. Virtual time is an unsigned number that may wrap around: it is
// compared by the sign of a difference (before_in_time), so only differences below 2^63 ns, 292
// years, mean anything.
//
// Sources: Linux, kernel/sched/core.c (sched_prio_to_weight, sched_prio_to_wmult) and
// kernel/sched/fair.c (calc_delta_fair), the same in 6.1 and 6.12;
// Documentation/scheduler/sched-nice-design.rst.
#pragma once

#include <array>
#include <cstdint>

#include <weft/detail/fair_tree.h>

namespace weft {

/// The range of a nice value: the smaller, the larger the share.
inline constexpr int least_nice = -20;
inline constexpr int greatest_nice = 19;

/// The weight of nice 0; the unit in which weights are told.
inline constexpr std::uint32_t nice_0_weight = 1024;

/// The bounds of a group's weight: those of the kernel's cpu.shares.
inline constexpr std::uint32_t least_weight = 2;
inline constexpr std::uint32_t greatest_weight = 1U << 18;

/// The bounds of a slice: those of the kernel's sched_attr::sched_runtime.
inline constexpr std::uint64_t least_slice_ns = 100'000;
inline constexpr std::uint64_t greatest_slice_ns = 100'000'000;

/// A weight and 2^32 divided by it, which turns divisions into multiplications.
struct fair_weight {
    std::uint32_t value = nice_0_weight;
    std::uint32_t inverse = 1U << 22;

    /// `weight` must not be 0.
    static constexpr fair_weight of(std::uint32_t weight) noexcept {
        return {weight, static_cast<std::uint32_t>((std::uint64_t{1} << 32) / weight)};
    }
};

/// The kernel's table: each step is 1.25 times the next, so that a step up of one among two equals
/// takes a tenth of the CPU from it.
inline constexpr std::array<fair_weight, 40> nice_weights = [] {
    constexpr std::array<std::uint32_t, 40> weights{
        88761, 71755, 56483, 46273, 36291, 29154, 23254, 18705, 14949, 11916,  // -20
        9548,  7620,  6100,  4904,  3906,  3121,  2501,  1991,  1586,  1277,   // -10
        1024,  820,   655,   526,   423,   335,   272,   215,   172,   137,    // 0
        110,   87,    70,    56,    45,    36,    29,    23,    18,    15};    // 10
    std::array<fair_weight, 40> table{};
    for (std::size_t i = 0; i < weights.size(); ++i) {
        table[i] = fair_weight::of(weights[i]);
    }
    return table;
}();

/// `nice` must be in its range.
constexpr fair_weight weight_of_nice(int nice) noexcept {
    return nice_weights[static_cast<std::size_t>(nice - least_nice)];
}

/// Whether `a` is earlier than `b`, also across the wrap-around.
constexpr bool before_in_time(std::uint64_t a, std::uint64_t b) noexcept {
    return static_cast<std::int64_t>(a - b) < 0;
}

/// `amount` * `weight` / `total`, as the kernel's __calc_delta(): with the inverse of the total.
constexpr std::uint64_t part_of(std::uint64_t amount, std::uint64_t weight,
                                std::uint64_t inverse_of_total) noexcept {
    __extension__ using wide = unsigned __int128;
    return static_cast<std::uint64_t>(wide{amount} * (weight * inverse_of_total) >> 32);
}

/// How far the virtual time of this weight goes while it runs for `ns`: calc_delta_fair().
constexpr std::uint64_t to_virtual(std::uint64_t ns, fair_weight weight) noexcept {
    return weight.value == nice_0_weight ? ns : part_of(ns, nice_0_weight, weight.inverse);
}

/// How an entity comes to a queue.
enum class arrival : std::uint8_t {
    fresh,   ///< it is new
    woken,   ///< it has slept
    moved,   ///< it comes from another queue
    thawed,  ///< a group whose quota was refilled
};

/// Base of what a fair_queue holds. Stands in at most one queue at a time and must live as long as
/// it does; leave the queue (fair_queue::remove) before it ends. Not thread-safe.
class fair_entity {
public:
    fair_entity() = default;
    /// Of this nice value, from least_nice to greatest_nice.
    explicit fair_entity(int nice) noexcept : weight(weight_of_nice(nice)) {}
    fair_entity(const fair_entity&) = delete;
    fair_entity& operator=(const fair_entity&) = delete;

    /// The time that it wants to run for at a stretch; 0: the queue's own. Policies eevdf and
    /// round_robin; its share does not depend on it. Takes effect with the next request.
    void set_slice(std::uint64_t ns) noexcept { slice = ns; }

    // What a queue keeps here. Read it; only the queue writes it.

    fair_links<fair_entity> links;     ///< while it waits for its turn
    std::uint64_t vruntime = 0;        ///< virtual time that it has had
    std::uint64_t deadline = 0;        ///< eevdf: end of the current request, in virtual time
    std::uint64_t least_vruntime = 0;  ///< eevdf: of its subtree
    std::int64_t lag = 0;              ///< eevdf: when it left, how far behind (> 0) it was
    std::uint64_t ran = 0;             ///< time that it has run, all told
    fair_weight weight;
    std::uint64_t slice = 0;
    void* owner = nullptr;  ///< the group that it belongs to; null: the queue itself
    enum class place : std::uint8_t {
        outside,  ///< not runnable
        queued,   ///< in the tree
        running,  ///< the current one
        delayed,  ///< eevdf: sleeps in the tree until its debt is paid
    } where = place::outside;
    bool relative = false;  ///< vruntime and deadline count from the queue that it has left
    bool is_group = false;
};

}  // namespace weft
