// SPDX-License-Identifier: Apache-2.0
#include "sched/fiber_slab.h"

#include <new>

namespace weft::sched {

fiber_slab::~fiber_slab() {
    for (void* slab : slabs_) {
        base::free_pages(slab, slab_bytes);
    }
}

/// Preemption is off: see base/page_allocator.h.
bool fiber_slab::grow() noexcept {
    void* const memory = base::allocate_pages(slab_bytes);
    if (memory == nullptr) {
        return false;
    }
    try {
        slabs_.push_back(memory);
    } catch (const std::bad_alloc&) {
        base::free_pages(memory, slab_bytes);
        return false;
    }
    auto* const blocks = static_cast<fiber_block*>(memory);
    for (std::size_t i = 0; i < slab_blocks; ++i) {
        put(*::new (static_cast<void*>(blocks + i)) fiber_block);
    }
    return true;
}

fiber_block* fiber_slab::take() noexcept {
    if (free_.empty() && !grow()) {
        return nullptr;
    }
    --free_count_;
    return static_cast<fiber_block*>(free_.pop_front());
}

void fiber_slab::put(fiber_block& block) noexcept {
    ++free_count_;
    free_.push_front(block);  // the newest is the hottest
}

bool fiber_slab::all_free() noexcept {
    const base::spin_guard guard(lock_);
    return free_count_ == slabs_.size() * slab_blocks;
}

fiber_block* fiber_slab::allocate() noexcept {
    const base::spin_guard guard(lock_);
    return take();
}

void fiber_slab::deallocate(fiber_block& block) noexcept {
    const base::spin_guard guard(lock_);
    put(block);
}

fiber_cache::~fiber_cache() {
    give_back(0);
}

bool fiber_cache::refill() noexcept {
    const base::spin_guard guard(slab_.lock_);
    for (std::size_t i = 0; i < batch; ++i) {
        fiber_block* const block = slab_.take();
        if (block == nullptr) {
            break;
        }
        block->next_ = free_;
        free_ = block;
        ++size_;
    }
    return free_ != nullptr;
}

void fiber_cache::give_back(std::size_t keep) noexcept {
    const base::spin_guard guard(slab_.lock_);
    while (size_ > keep) {
        fiber_block* const block = free_;
        free_ = static_cast<fiber_block*>(block->next_);
        --size_;
        slab_.put(*block);
    }
}

}  // namespace weft::sched
