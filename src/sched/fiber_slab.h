// SPDX-License-Identifier: Apache-2.0
//
// Where fiber blocks come from: dense slabs, handed out in batches to a cache per worker, so that a
// spawn on a worker costs a pop from a list. Slabs are kept until the scheduler ends.
#pragma once

#include <memory>
#include <vector>

#include "base/page_allocator.h"
#include "base/spinlock.h"
#include "sched/fiber_block.h"
#include "sched/waiter_queue.h"

namespace weft::sched {

/// Thread-safe.
class fiber_slab {
public:
    fiber_slab() = default;
    ~fiber_slab();

    /// Null when memory is out.
    fiber_block* allocate() noexcept;
    void deallocate(fiber_block& block) noexcept;

    /// Whether every block is back.
    [[nodiscard]] bool all_free() noexcept;

private:
    friend class fiber_cache;
    static constexpr std::size_t slab_blocks = 512;
    static constexpr std::size_t slab_bytes = slab_blocks * sizeof(fiber_block);  // 64 KiB

    bool grow() noexcept WEFT_REQUIRES(lock_);
    fiber_block* take() noexcept WEFT_REQUIRES(lock_);
    void put(fiber_block& block) noexcept WEFT_REQUIRES(lock_);

    base::spinlock lock_;
    waiter_queue free_ WEFT_GUARDED_BY(lock_);
    std::size_t free_count_ WEFT_GUARDED_BY(lock_) = 0;
    std::vector<void*, base::page_allocator<void*>> slabs_ WEFT_GUARDED_BY(lock_);
};

/// One worker's free blocks, last in first out. Only on its worker.
class fiber_cache {
public:
    explicit fiber_cache(fiber_slab& slab) noexcept : slab_(slab) {}
    ~fiber_cache();

    fiber_block* allocate() noexcept {
        if (free_ == nullptr && !refill()) [[unlikely]] {
            return nullptr;
        }
        fiber_block* const block = free_;
        free_ = static_cast<fiber_block*>(block->next_);
        --size_;
        return block;
    }

    void deallocate(fiber_block& block) noexcept {
        block.next_ = free_;
        free_ = &block;
        if (++size_ > most) [[unlikely]] {
            give_back(most - batch);
        }
    }

private:
    static constexpr std::size_t batch = 64;
    static constexpr std::size_t most = 2048;  // 256 KiB

    bool refill() noexcept;
    void give_back(std::size_t keep) noexcept;

    fiber_slab& slab_;
    fiber_block* free_ = nullptr;
    std::size_t size_ = 0;
};

}  // namespace weft::sched
