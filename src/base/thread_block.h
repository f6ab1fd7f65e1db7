// SPDX-License-Identifier: Apache-2.0
//
// thread_block: the thread-locals of weft, of which there are few, in one block; and the count that
// keeps preemption off.
//
// A preempted fiber stays on its kernel thread (docs/adr/0003), which then waits while others run
// what stood behind it. That must not happen in the middle of weft's own code: a spinlock would be
// held by somebody who does not run, a queue be half linked. So that code holds preempt_count above
// 0, as the kernel does, and the handler of the tick then does nothing. While the count is above 0
// nothing is allocated: the allocator's lock may be held by a preempted fiber that waits for this
// very thread to make room.
//
// Compilers keep the *address* of a thread-local in a register across a call, although a fiber may
// go on on another kernel thread after it; so each access is a volatile assembler statement that
// goes through the thread's own register. Inline assembly and not a noinline function, because a
// yield costs less than two such calls. On x86-64 an access takes one instruction, beside the
// offset of the block, which is the same for all threads.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/atomic.h"

namespace weft::base {

struct thread_block {
    atomic<void*> worker{nullptr};  ///< a sched::worker, whose role this thread holds; null: none
    void* fiber = nullptr;          ///< a sched::fiber_block, which runs here; null: none
    void* thread = nullptr;         ///< a sched::kernel_thread; null: a plain thread
    atomic<unsigned> preempt_count{0};
    /// Its role was taken away while it blocked in the kernel, or is about to be; see
    /// sched/kernel_thread.h.
    atomic<bool> role_lost{false};
    const void* bounds = nullptr;   ///< a sched::cancel_bounds of a plain thread; null: none
    void* hidden_fiber = nullptr;   ///< `fiber`, while weft::pinned() hides it
    void* hidden_thread = nullptr;  ///< `thread`, too
    /// Not 0: a checkpoint has something to look at; see sched/preemption.cpp.
    atomic<std::uint64_t> need_resched{0};
    /// How many requests of a stop run their callbacks here; see sched::request_stop().
    unsigned stop_requests = 0;
};

extern "C" {
// Initial-exec: one load from the thread's static block, no call into the dynamic loader.
extern thread_local constinit thread_block weft_thread_block
    __attribute__((tls_model("initial-exec")));
}

/// Of the calling kernel thread; good until the stack is switched: preemption moves nobody.
[[gnu::always_inline]] inline thread_block& this_thread_block() noexcept {
    thread_block* block;
#if defined(__x86_64__)
    asm volatile(
        "movq weft_thread_block@gottpoff(%%rip), %0\n\t"
        "addq %%fs:0, %0"
        : "=r"(block)
        :
        : "cc");
#elif defined(__aarch64__)
    asm volatile(
        "adrp %0, :gottprel:weft_thread_block\n\t"
        "ldr  %0, [%0, :gottprel_lo12:weft_thread_block]\n\t"
        "mrs  x16, tpidr_el0\n\t"
        "add  %0, x16, %0"
        : "=&r"(block)
        :
        : "x16");
#endif
    return *block;
}

#if defined(__x86_64__)
[[gnu::always_inline, gnu::const]] inline std::uintptr_t thread_block_offset() noexcept {
    std::uintptr_t offset;
    asm("movq weft_thread_block@gottpoff(%%rip), %0" : "=r"(offset));
    return offset;
}

/// A pointer of the block.
template <std::size_t Member>
[[gnu::always_inline]] inline void* load_from_thread_block() noexcept {
    void* value;
    asm volatile("movq %%fs:%c1(%2), %0" : "=r"(value) : "i"(Member), "r"(thread_block_offset()));
    return value;
}

template <std::size_t Member>
[[gnu::always_inline]] inline void store_to_thread_block(void* value) noexcept {
    asm volatile("movq %0, %%fs:%c1(%2)"
                 :
                 : "r"(value), "i"(Member), "r"(thread_block_offset())
                 : "memory");
}
#else
template <std::size_t Member>
[[gnu::always_inline]] inline void* load_from_thread_block() noexcept {
    return *reinterpret_cast<void**>(reinterpret_cast<std::byte*>(&this_thread_block()) + Member);
}

template <std::size_t Member>
[[gnu::always_inline]] inline void store_to_thread_block(void* value) noexcept {
    *reinterpret_cast<void**>(reinterpret_cast<std::byte*>(&this_thread_block()) + Member) = value;
}
#endif

/// Nothing takes the role of this thread away until the count is back.
[[gnu::always_inline]] inline void disable_preemption() noexcept {
#if defined(__SANITIZE_THREAD__)
    this_thread_block().preempt_count.fetch_add(1, seq_cst);  // it knows no membarrier
#elif defined(__x86_64__)
    asm volatile("incl %%fs:%c0(%1)"
                 :
                 : "i"(offsetof(thread_block, preempt_count)), "r"(thread_block_offset())
                 : "memory", "cc");
#else
    atomic<unsigned>& count = this_thread_block().preempt_count;
    count.store(count.load(relaxed) + 1, relaxed);
    compiler_fence();  // the signal handler of this thread; another thread runs membarrier
#endif
}

[[gnu::always_inline]] inline void enable_preemption() noexcept {
#if defined(__x86_64__) && !defined(__SANITIZE_THREAD__)
    asm volatile("decl %%fs:%c0(%1)"
                 :
                 : "i"(offsetof(thread_block, preempt_count)), "r"(thread_block_offset())
                 : "memory", "cc");
#else
    atomic<unsigned>& count = this_thread_block().preempt_count;
    count.store(count.load(relaxed) - 1, release);
#endif
}

/// Right after disable_preemption(). Acquire.
[[gnu::always_inline]] inline bool role_is_lost() noexcept {
#if defined(__x86_64__) && !defined(__SANITIZE_THREAD__)
    bool lost;
    asm volatile("cmpb $0, %%fs:%c1(%2)"
                 : "=@ccne"(lost)
                 : "i"(offsetof(thread_block, role_lost)), "r"(thread_block_offset())
                 : "memory");
    return lost;
#else
    return this_thread_block().role_lost.load(seq_cst);
#endif
}

/// Disables it for a scope.
class preemption_disabled {
public:
    preemption_disabled() noexcept { disable_preemption(); }
    ~preemption_disabled() { enable_preemption(); }
    preemption_disabled(const preemption_disabled&) = delete;
    preemption_disabled& operator=(const preemption_disabled&) = delete;
};

}  // namespace weft::base
