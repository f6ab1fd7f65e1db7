// SPDX-License-Identifier: Apache-2.0
//
// As base::spinlock, on a word that lies in a public header, which shows no private type. 0: free.
#pragma once

#include <sched.h>

#include <cstdint>

#include "base/thread_block.h"

namespace weft::base {

// With preemption off.

[[gnu::noinline]] inline void wait_until_free(const std::uint32_t& word) noexcept {
    constexpr int spins_before_yield = 64;
    for (int i = 0; __atomic_load_n(&word, __ATOMIC_RELAXED) != 0; ++i) {
        if (i < spins_before_yield) {
            cpu_relax();
        } else {
            sched_yield();
        }
    }
}

inline void lock_word(std::uint32_t& word) noexcept {
    while (__atomic_exchange_n(&word, 1u, __ATOMIC_ACQUIRE) != 0) [[unlikely]] {
        wait_until_free(word);
    }
}

inline void unlock_word(std::uint32_t& word) noexcept {
    __atomic_store_n(&word, 0u, __ATOMIC_RELEASE);
}

/// Holds the lock for a scope.
class word_guard {
public:
    explicit word_guard(std::uint32_t& word) noexcept : word_(word) {
        disable_preemption();
        lock_word(word_);
    }
    ~word_guard() {
        if (locked_) {
            unlock_word(word_);
        }
        enable_preemption();
    }
    word_guard(const word_guard&) = delete;
    word_guard& operator=(const word_guard&) = delete;

    /// Before the end of the scope, until which preemption stays off.
    void unlock() noexcept {
        unlock_word(word_);
        locked_ = false;
    }

private:
    std::uint32_t& word_;
    bool locked_ = true;
};

}  // namespace weft::base
