// SPDX-License-Identifier: Apache-2.0
//
// group_table: the groups of a scheduler, by a number that fits into a byte of a waiter. 0 is no
// group. A group whose last reference goes is used again for the next one that is made, its memory
// included: nothing is freed before the table ends, as the last one to go is a fiber that ends,
// where the allocator must not be called.
//
// Thread safety: any thread. create() in user code, as it allocates.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "base/atomic.h"
#include "base/spinlock.h"
#include "sched/group.h"

namespace weft::sched {

struct group_options {
    std::string_view name;
    std::uint32_t weight = nice_0_weight;  ///< from least_weight to greatest_weight
    base::nanoseconds_t quota = 0;         ///< 0: none
    base::nanoseconds_t period = 100'000'000;
};

class group_table {
public:
    static constexpr std::size_t most = 255;

    explicit group_table(std::size_t workers) noexcept : workers_(workers) {}
    ~group_table();
    group_table(const group_table&) = delete;
    group_table& operator=(const group_table&) = delete;

    /// With a reference for its handle. Throws std::bad_alloc, and std::length_error if `most` are
    /// in use.
    group& create(const group_options& options);

    /// One that is in use, or was.
    [[nodiscard]] group& at(std::uint8_t index) const noexcept {
        return *groups_[index].load(base::acquire);
    }

    /// By whoever has a reference.
    static void add_member(group& g) noexcept {
        g.references_.fetch_add(group::a_member, base::relaxed);
    }
    static void add_refill(group& g) noexcept {
        g.references_.fetch_add(group::a_refill, base::relaxed);
    }
    void drop_refill(group& g) noexcept { drop(g, group::a_refill); }
    void drop_member(group& g) noexcept { drop(g, group::a_member); }
    void drop_handle(group& g) noexcept { drop(g, group::a_handle); }

    /// Groups that have a handle.
    [[nodiscard]] std::size_t handles() const noexcept;
    /// Whether there is one that has a quota. A hint.
    [[nodiscard]] bool any_limited() const noexcept { return limited_.load(base::relaxed) != 0; }

private:
    std::size_t reserve() noexcept;
    void drop(group& g, std::uint64_t reference) noexcept;

    const std::size_t workers_;
    std::array<base::atomic<group*>, most + 1> groups_{};
    base::atomic<std::size_t> limited_{0};
    base::spinlock lock_;
    std::array<bool, most + 1> in_use_ WEFT_GUARDED_BY(lock_){};
};

}  // namespace weft::sched
