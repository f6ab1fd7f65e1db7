// SPDX-License-Identifier: Apache-2.0
//
// Tells Valgrind where stacks lie, so that it takes a switch for a switch and not for a frame of
// many megabytes. Once per slab of stacks, never per switch. Outside of Valgrind: a few
// instructions that do nothing; built without its header: nothing.
#pragma once

#include <cstddef>

namespace weft::context {

/// Registers `count` neighbouring stacks of `size` bytes. What it returns goes to
/// valgrind_forget_stacks(); null when not under Valgrind. Throws std::bad_alloc under it only.
unsigned* valgrind_register_stacks(std::byte* base, std::size_t count, std::size_t size);

void valgrind_forget_stacks(unsigned* ids, std::size_t count) noexcept;

}  // namespace weft::context
