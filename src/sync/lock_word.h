// SPDX-License-Identifier: Apache-2.0
//
// What the slow paths of mutex and shared_mutex do to the word that holds a lock's state, and for
// how long they watch it before they queue.
#pragma once

#include <cstdint>

namespace weft::sync {

inline constexpr std::uint32_t min_spins = 1;
/// About 0.8 us, less than the wake of a sleeping thread.
inline constexpr std::uint32_t max_spins = 32;

inline std::uint32_t load(const std::uint32_t& word, int order = __ATOMIC_RELAXED) noexcept {
    return __atomic_load_n(&word, order);
}

/// May fail for no reason.
inline bool compare_exchange(std::uint32_t& word, std::uint32_t& seen, std::uint32_t next,
                             int order) noexcept {
    return __atomic_compare_exchange_n(&word, &seen, next, true, order, __ATOMIC_RELAXED);
}

}  // namespace weft::sync
