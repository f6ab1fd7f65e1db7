// SPDX-License-Identifier: Apache-2.0
//
// What tests that draw at random share: the seed, the draws, and how much of it a slow build runs.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <random>

namespace weft {

/// Fixed, so that a failure comes back; another one by WEFT_FAIR_SEED=n in the environment.
inline std::uint64_t seed_of_run() {
    const char* const given = std::getenv("WEFT_FAIR_SEED");
    return given != nullptr ? std::strtoull(given, nullptr, 0) : 20'240'613;
}

/// Whether each operation costs ten times as much as it should.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(__OPTIMIZE__)
inline constexpr bool is_slow_build = true;
#else
inline constexpr bool is_slow_build = false;
#endif

/// So many in an ordinary build.
constexpr std::uint64_t so_many(std::uint64_t operations) {
    return is_slow_build ? operations / 10 : operations;
}

class dice {
public:
    explicit dice(std::uint64_t seed) : random_(seed) {}

    /// Below `end`.
    std::uint64_t below(std::uint64_t end) { return random_() % end; }
    bool one_in(std::uint64_t n) { return below(n) == 0; }
    int nice() { return static_cast<int>(below(40)) - 20; }

    /// From 1 to 2^most_bits: in half of all cases each power of two is as likely as the next.
    std::uint64_t up_to_bits(unsigned most_bits) {
        const unsigned bits = one_in(2) ? most_bits : 1 + static_cast<unsigned>(below(most_bits));
        return 1 + below(std::uint64_t{1} << bits);
    }

    template <class Container>
    auto& any_of(Container& all) {
        return all[below(all.size())];
    }

private:
    std::mt19937_64 random_;
};

}  // namespace weft
