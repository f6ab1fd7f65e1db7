// SPDX-License-Identifier: Apache-2.0
//
// stack_pool: address ranges for stacks. All of one size, a power of two, and aligned to it, so
// that any address on a stack tells its base. Ranges are cut from slabs that are reserved, not
// committed: a stack costs the pages that were touched, their page tables, and at most 8 bytes
// here.
//
// Thread safety: every method may be called from any kernel thread at any time; the destructor
// needs to be alone, and nothing may run on any of its stacks any more.
//
// What always holds: a free stack is on exactly one of three places: `warm_` (its pages may be
// resident; a ring of bounded size, newest handed out first), `cold_` (its pages were handed back
// to the kernel) or the part of the newest slab that was never handed out. With each slab comes the
// room that its stacks may need on `cold_`, so that giving back never allocates and never fails.
//
// Guards: the lowest pages of a range fault on every access. With MADV_GUARD_INSTALL (Linux 6.13)
// they cost 0.6 us and no mapping. With mprotect each of them splits a mapping, and a process may
// have some 65,000 mappings, so that the pool guards as many stacks as a share of that allows and
// counts those which go without (stack_pool_stats::unguarded); refusing more stacks, or ignoring
// the failure silently, are worse.
//
// Rejected: links between free stacks in the stacks themselves (reading one would fault its page
// in again), MADV_DONTNEED on each free (1.3 us, and 1.6 us for the fault that follows), unmapping
// (7 us for a new range), transparent huge pages (one would back 32 stacks of which each uses 4
// KiB).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "base/page_allocator.h"
#include "base/spinlock.h"
#include "base/thread_annotations.h"
#include "context/stack.h"

namespace weft::context {

enum class guard_method : std::uint8_t {
    automatic,  ///< markers where the kernel has them, else mprotect
    markers,    ///< MADV_GUARD_INSTALL
    protect,    ///< mprotect
};

struct stack_pool_options {
    /// Of a range with its guard; rounded up to a power of two and to a few pages.
    std::size_t stack_size = std::size_t{64} * 1024;
    /// As many free stacks keep their pages; the rest is handed back to the kernel in batches.
    std::size_t high_water = 1024;
    bool guard = true;
    /// For tests and for kernels that misbehave.
    guard_method method = guard_method::automatic;
    /// The most stacks to guard by mprotect; 0: a quarter of vm.max_map_count, each takes two.
    std::size_t protect_budget = 0;
};

struct stack_pool_stats {
    std::size_t mapped = 0;       ///< stacks whose range is reserved
    std::size_t in_use = 0;       ///< handed out
    std::size_t free_warm = 0;    ///< free, pages kept
    std::size_t free_cold = 0;    ///< free, without pages
    std::size_t handed_back = 0;  ///< times that a stack's pages were given to the kernel
    std::size_t unguarded = 0;    ///< stacks that should have a guard and have none
};

class stack_pool {
public:
    /// Reserves nothing yet. Finds out whether the kernel has guard markers.
    explicit stack_pool(stack_pool_options options);
    ~stack_pool();
    stack_pool(const stack_pool&) = delete;
    stack_pool& operator=(const stack_pool&) = delete;

    /// Fills `out` from the front and returns how many; fewer when memory or address space is out.
    std::size_t allocate(std::span<stack> out) noexcept WEFT_EXCLUDES(lock_);

    /// Takes stacks of this pool back; the last one of `in` is handed out first. May hand pages of
    /// other, older free stacks back to the kernel, at 0.4 to 1.3 us each.
    void deallocate(std::span<const stack> in) noexcept WEFT_EXCLUDES(lock_);

    /// Hands the pages of those free stacks back to the kernel that were not needed since the last
    /// call.
    void trim() noexcept WEFT_EXCLUDES(lock_);

    [[nodiscard]] std::size_t stack_size() const noexcept { return stack_size_; }
    /// Bytes at the low end of each range that are not usable; 0 without guards.
    [[nodiscard]] std::size_t guard_size() const noexcept { return guard_size_; }
    /// markers or protect; meaningless without guards.
    [[nodiscard]] guard_method method() const noexcept { return method_; }

    [[nodiscard]] stack_pool_stats stats() const noexcept WEFT_EXCLUDES(lock_);

private:
    /// Grows while preemption is off.
    template <class T>
    using page_vector = std::vector<T, base::page_allocator<T>>;

    // Entries of the cold list that are allocated at a time: 1 MiB, of which what is never used is
    // never touched.
    static constexpr std::size_t cold_chunk = 131'072;

    struct slab {
        std::byte* base;
        unsigned* valgrind_ids;
    };

    std::size_t take_free(std::span<stack> out) noexcept WEFT_REQUIRES(lock_);
    std::size_t take_fresh(std::span<stack> out) noexcept WEFT_REQUIRES(lock_);
    std::size_t put_warm(std::span<const stack> in) noexcept WEFT_REQUIRES(lock_);
    std::size_t take_oldest_warm(std::span<std::byte*> out) noexcept WEFT_REQUIRES(lock_);
    std::byte*& cold_entry(std::size_t position) noexcept WEFT_REQUIRES(lock_);
    [[nodiscard]] stack make_stack(std::byte* base) const noexcept;
    void install_guards(std::span<const stack> fresh) noexcept WEFT_EXCLUDES(lock_);
    bool grow() noexcept WEFT_EXCLUDES(lock_, growing_);
    bool add_slab(std::byte* base) noexcept WEFT_REQUIRES(growing_) WEFT_EXCLUDES(lock_);
    bool add_cold_chunk() noexcept WEFT_REQUIRES(growing_) WEFT_EXCLUDES(lock_);
    void hand_back(std::span<std::byte*> batch) noexcept WEFT_EXCLUDES(lock_);

    const std::size_t stack_size_;
    const std::size_t slab_stacks_;  // a power of two
    const std::size_t guard_size_;
    const guard_method method_;
    const std::size_t protect_budget_;
    const std::size_t warm_capacity_;  // high-water mark and one batch

    /// One thread adds a slab at a time; held during system calls, taken before lock_.
    base::spinlock growing_;
    mutable base::spinlock lock_;
    page_vector<slab> slabs_ WEFT_GUARDED_BY(lock_);
    std::size_t fresh_used_ WEFT_GUARDED_BY(lock_) = 0;  // of the newest slab
    std::size_t in_use_ WEFT_GUARDED_BY(lock_) = 0;
    std::unique_ptr<std::byte*[]> warm_ WEFT_GUARDED_BY(lock_);  // ring
    std::size_t warm_oldest_ WEFT_GUARDED_BY(lock_) = 0;
    std::size_t warm_count_ WEFT_GUARDED_BY(lock_) = 0;
    std::size_t least_warm_ WEFT_GUARDED_BY(lock_) = 0;     // since the last trim()
    page_vector<std::byte**> cold_ WEFT_GUARDED_BY(lock_);  // chunks of cold_chunk entries
    std::size_t cold_count_ WEFT_GUARDED_BY(lock_) = 0;
    std::size_t handed_back_ WEFT_GUARDED_BY(lock_) = 0;
    std::size_t guarded_ WEFT_GUARDED_BY(lock_) = 0;
    std::size_t unguarded_ WEFT_GUARDED_BY(lock_) = 0;
};

}  // namespace weft::context
