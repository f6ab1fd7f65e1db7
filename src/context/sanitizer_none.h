// SPDX-License-Identifier: Apache-2.0
//
// No sanitizer: see sanitizer.h, which is the one to include.
#pragma once

#include <cstddef>

#include "context/stack.h"

namespace weft::context {

struct sanitizer_context {};

inline void sanitizer_create(sanitizer_context&, const stack&) noexcept {}
inline void sanitizer_adopt_thread(sanitizer_context&) noexcept {}
inline void sanitizer_destroy(sanitizer_context&) noexcept {}
inline void sanitizer_recycle(std::byte*, std::size_t) noexcept {}
inline void before_switch(sanitizer_context&, sanitizer_context&, bool) noexcept {}
inline void after_switch(sanitizer_context&) noexcept {}

}  // namespace weft::context
