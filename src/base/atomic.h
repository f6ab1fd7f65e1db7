// SPDX-License-Identifier: Apache-2.0
//
// The only file of the library that names std::atomic, so that a model checker or a deterministic
// scheduler can put its own type in its place. Everything else says base::atomic<T>.
#pragma once

#include <atomic>

#if defined(__x86_64__) || defined(__i386__)
#include <immintrin.h>
#endif

namespace weft::base {

template <class T>
using atomic = std::atomic<T>;

inline constexpr auto relaxed = std::memory_order_relaxed;
inline constexpr auto acquire = std::memory_order_acquire;
inline constexpr auto release = std::memory_order_release;
inline constexpr auto acq_rel = std::memory_order_acq_rel;
inline constexpr auto seq_cst = std::memory_order_seq_cst;

/// Orders an earlier store before a later load: both sides of a Dekker-style handshake need one.
/// Written as a read-modify-write because ThreadSanitizer does not understand stand-alone fences.
inline void store_load_fence() noexcept {
#if defined(__SANITIZE_THREAD__)
    static std::atomic<int> fence_word{0};
    fence_word.fetch_add(1, std::memory_order_seq_cst);
#else
    std::atomic_thread_fence(std::memory_order_seq_cst);
#endif
}

/// Keeps the compiler, not the processor, from moving memory accesses across it.
inline void compiler_fence() noexcept {
    std::atomic_signal_fence(std::memory_order_seq_cst);
}

/// Tells the processor that this is a spin loop. About 25 ns on recent x86 (Skylake and newer wait
/// for some 140 cycles), about 1 ns elsewhere.
inline void cpu_relax() noexcept {
#if defined(__x86_64__) || defined(__i386__)
    _mm_pause();
#elif defined(__aarch64__)
    asm volatile("yield" ::: "memory");
#endif
}

}  // namespace weft::base
