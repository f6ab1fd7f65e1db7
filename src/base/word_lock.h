// SPDX-License-Identifier: Apache-2.0
//
// As base::spinlock, on a word that lies in a public header, which shows no private type.
#pragma once

#include <sched.h>

#include <cstdint>

#include "base/thread_block.h"

namespace weft::base {

/// Holds the lock for a scope. The word is 0 at first.
class word_guard {
public:
    explicit word_guard(std::uint32_t& word) noexcept : word_(word) {
        disable_preemption();
        while (__atomic_exchange_n(&word_, 1u, __ATOMIC_ACQUIRE) != 0) [[unlikely]] {
            wait_until_free();
        }
    }
    ~word_guard() {
        if (locked_) {
            unlock();
        }
        enable_preemption();
    }
    word_guard(const word_guard&) = delete;
    word_guard& operator=(const word_guard&) = delete;

    /// Before the end of the scope, until which preemption stays off.
    void unlock() noexcept {
        __atomic_store_n(&word_, 0u, __ATOMIC_RELEASE);
        locked_ = false;
    }

private:
    void wait_until_free() noexcept {
        constexpr int spins_before_yield = 64;
        for (int i = 0; __atomic_load_n(&word_, __ATOMIC_RELAXED) != 0; ++i) {
            if (i < spins_before_yield) {
                cpu_relax();
            } else {
                sched_yield();
            }
        }
    }

    std::uint32_t& word_;
    bool locked_ = true;
};

}  // namespace weft::base
