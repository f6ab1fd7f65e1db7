// SPDX-License-Identifier: Apache-2.0
#include "coro/frame_pool.h"

#include <algorithm>
#include <array>
#include <new>
#include <utility>

#include <weft/task.h>

#include "base/spinlock.h"

#if defined(__SANITIZE_ADDRESS__)
#define WEFT_POOL_FRAMES 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WEFT_POOL_FRAMES 0
#endif
#endif
#ifndef WEFT_POOL_FRAMES
#define WEFT_POOL_FRAMES 1
#endif

namespace weft::coro {

namespace {

constexpr std::size_t classes = frame_pool::largest / frame_pool::granularity;

constexpr std::size_t class_of(std::size_t size) noexcept {
    return (size - 1) / frame_pool::granularity;
}

constexpr std::size_t size_of_class(std::size_t index) noexcept {
    return (index + 1) * frame_pool::granularity;
}

/// What a free frame holds.
struct free_frame_node {
    free_frame_node* next;
    free_frame_node* next_batch;  // of the first frame of a batch in a shared list
};

void free_chain(free_frame_node* chain) noexcept {
    while (chain != nullptr) {
        ::operator delete(std::exchange(chain, chain->next));
    }
}

/// Batches of one size, for all threads.
class shared_list {
public:
    /// Null when there is none.
    free_frame_node* take() noexcept {
        const base::spin_guard guard(lock_);
        free_frame_node* const first = first_;
        if (first != nullptr) {
            first_ = first->next_batch;
            least_ = std::min(least_, --batches_);
        }
        return first;
    }

    /// Those that were not needed since the last call, which are the oldest; null: none.
    free_frame_node* take_spare() noexcept {
        const base::spin_guard guard(lock_);
        batches_ -= std::exchange(least_, batches_ - least_);
        free_frame_node** end = &first_;
        for (std::size_t i = 0; i < batches_; ++i) {
            end = &(*end)->next_batch;
        }
        return std::exchange(*end, nullptr);
    }

    /// False if it is full.
    bool put(free_frame_node* chain) noexcept {
        const base::spin_guard guard(lock_);
        if (batches_ == frame_pool::most_batches) {
            return false;
        }
        chain->next_batch = first_;
        first_ = chain;
        ++batches_;
        return true;
    }

    std::size_t batches() noexcept {
        const base::spin_guard guard(lock_);
        return batches_;
    }

private:
    base::spinlock lock_;
    free_frame_node* first_ WEFT_GUARDED_BY(lock_) = nullptr;
    std::size_t batches_ WEFT_GUARDED_BY(lock_) = 0;
    std::size_t least_ WEFT_GUARDED_BY(lock_) = 0;  // batches since take_spare()
};

constinit std::array<shared_list, classes> shared;

struct local_list {
    free_frame_node* first = nullptr;
    std::size_t room =
        0;  // for so many more; 0 also before a thread's first frame and after its end

    void push(void* frame) noexcept {
        auto* const node = ::new (frame) free_frame_node;
        node->next = first;
        first = node;
    }
};

constexpr std::size_t most_room = frame_pool::most_local - 1;

enum class thread_phase : unsigned char {
    fresh,   // has no list yet
    pooled,  // its destructor will empty the lists
    ending,  // the lists have been emptied: no more pooling
};

struct thread_lists {
    std::array<local_list, classes> lists;
    thread_phase phase = thread_phase::fresh;
};

// Trivially destructible, because frames are freed by destructors that run later than ours.
thread_local constinit thread_lists mine;

struct at_thread_end {
    ~at_thread_end() {
        mine.phase = thread_phase::ending;
        for (auto& list : mine.lists) {
            free_chain(std::exchange(list.first, nullptr));
            list.room = 0;
        }
    }
};

[[gnu::noinline]] void begin_thread() {
    thread_local at_thread_end cleaner;
    // Names it, so that it is constructed and its destructor is registered.
    static_cast<void>(&cleaner);
    mine.phase = thread_phase::pooled;
    for (auto& list : mine.lists) {
        list.room = most_room;
    }
}

[[gnu::noinline]] void* refill(std::size_t index) {
    if (mine.phase == thread_phase::fresh) {
        begin_thread();
    }
    local_list& list = mine.lists[index];
    if (mine.phase == thread_phase::pooled) {
        if (free_frame_node* const chain = shared[index].take()) {
            list.first = chain->next;
            list.room = most_room - (frame_pool::batch - 1);
            return chain;
        }
    }
    return ::operator new(size_of_class(index));
}

/// Half of a full list goes to the others.
void spill(std::size_t index) noexcept {
    local_list& list = mine.lists[index];
    free_frame_node* const chain = list.first;
    free_frame_node* last = chain;
    for (std::size_t i = 1; i < frame_pool::batch; ++i) {
        last = last->next;
    }
    list.first = std::exchange(last->next, nullptr);
    list.room += frame_pool::batch;
    if (!shared[index].put(chain)) {
        free_chain(chain);
    }
}

/// Where the list has no room.
[[gnu::noinline]] void free_slowly(void* frame, std::size_t index) noexcept {
    if (mine.phase == thread_phase::ending) {
        ::operator delete(frame);
        return;
    }
    local_list& list = mine.lists[index];
    list.push(frame);
    if (mine.phase == thread_phase::fresh) {
        begin_thread();
        --list.room;
    } else {
        spill(index);
    }
}

/// Both for functions that are never inlined: a coroutine or a fiber goes on on other kernel
/// threads, and a compiler that sees the body would keep the address of `mine` across such a move.
[[gnu::always_inline]] inline void* take_frame(std::size_t size) {
    if (size > frame_pool::largest) {
        return ::operator new(size);
    }
    const std::size_t index = class_of(size);
    local_list& list = mine.lists[index];
    free_frame_node* const frame = list.first;
    if (frame == nullptr) [[unlikely]] {
        return refill(index);
    }
    list.first = frame->next;
    ++list.room;
    return frame;
}

[[gnu::always_inline]] inline void give_frame(void* frame, std::size_t size) noexcept {
    if (size > frame_pool::largest) {
        ::operator delete(frame);
        return;
    }
    const std::size_t index = class_of(size);
    local_list& list = mine.lists[index];
    if (list.room == 0) [[unlikely]] {
        free_slowly(frame, index);
        return;
    }
    --list.room;
    list.push(frame);
}

}  // namespace

[[gnu::noinline]] void* frame_pool::allocate(std::size_t size) {
    return take_frame(size);
}

[[gnu::noinline]] void frame_pool::free(void* frame, std::size_t size) noexcept {
    give_frame(frame, size);
}

std::size_t frame_pool::shared_frames(std::size_t size) noexcept {
    return shared[class_of(size)].batches() * batch;
}

void frame_pool::trim() noexcept {
    for (shared_list& each : shared) {
        for (free_frame_node* spare = each.take_spare(); spare != nullptr;) {
            free_chain(std::exchange(spare, spare->next_batch));
        }
    }
}

[[gnu::noinline]] void* allocate_frame(std::size_t size) {
#if WEFT_POOL_FRAMES
    return take_frame(size);
#else
    return ::operator new(size);
#endif
}

[[gnu::noinline]] void free_frame(void* frame, [[maybe_unused]] std::size_t size) noexcept {
#if WEFT_POOL_FRAMES
    give_frame(frame, size);
#else
    ::operator delete(frame);
#endif
}

}  // namespace weft::coro
