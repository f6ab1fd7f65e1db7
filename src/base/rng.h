// SPDX-License-Identifier: Apache-2.0
//
// xorshift64* (Vigna, "An experimental exploration of Marsaglia's xorshift generators, scrambled",
// 2016): one word of state, about 1 ns; for spreading work, not for secrets. One owner at a time.
#pragma once

#include <cstdint>

namespace weft::base {

class rng {
public:
    explicit rng(std::uint64_t seed) noexcept : state_(seed != 0 ? seed : 0x9E3779B97F4A7C15u) {}

    std::uint64_t next() noexcept {
        state_ ^= state_ >> 12;
        state_ ^= state_ << 25;
        state_ ^= state_ >> 27;
        return state_ * 0x2545F4914F6CDD1Du;
    }

    /// Uniform in [0, bound) up to a bias of bound / 2^32; bound > 0 (Lemire's multiplication).
    std::uint32_t below(std::uint32_t bound) noexcept {
        return static_cast<std::uint32_t>(((next() >> 32) * bound) >> 32);
    }

private:
    std::uint64_t state_;
};

}  // namespace weft::base
