// SPDX-License-Identifier: Apache-2.0
//
// stack: an address range to run on. A value that owns nothing; stack_pool makes them.
#pragma once

#include <cstddef>
#include <cstdint>

namespace weft::context {

/// Usable is [base + guard, base + size); the size of the guard is the pool's.
struct stack {
    std::byte* base = nullptr;
    std::uint32_t size = 0;  // at most 1 GiB: the pool's bound
    std::uint32_t colour = 0;

    /// Where the first frame begins; 16-byte aligned. Coloured: neighbouring stacks begin at
    /// different cache sets, because tops that all lie at the end of a page compete for the same
    /// few sets (25 % slower switching between 100 fibers, measured).
    [[nodiscard]] std::byte* top() const noexcept { return base + size - colour * colour_stride; }

    explicit operator bool() const noexcept { return base != nullptr; }

    static constexpr std::uint32_t colours = 16;
    static constexpr std::size_t colour_stride = 64;
};

}  // namespace weft::context
