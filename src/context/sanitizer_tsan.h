// SPDX-License-Identifier: Apache-2.0
//
// ThreadSanitizer: see sanitizer.h, which is the one to include. It takes each context for a
// thread; a switch orders everything before it on one with everything after it on the other. That
// of g++ 12 manages about 8,000 of them at a time, LLVM's as many as vm.max_map_count allows, some
// 20,000.
#pragma once

#include <sanitizer/tsan_interface.h>

#include <cstddef>

#include "context/stack.h"

namespace weft::context {

struct sanitizer_context {
    void* fiber = nullptr;
};

inline void sanitizer_create(sanitizer_context& context, const stack&) noexcept {
    context.fiber = __tsan_create_fiber(0);
}

inline void sanitizer_adopt_thread(sanitizer_context& context) noexcept {
    context.fiber = __tsan_get_current_fiber();
}

/// Not for a context that sanitizer_adopt_thread() made: the thread ends its own.
inline void sanitizer_destroy(sanitizer_context& context) noexcept {
    __tsan_destroy_fiber(context.fiber);
    context.fiber = nullptr;
}

inline void sanitizer_recycle(std::byte*, std::size_t) noexcept {}

[[gnu::always_inline]] inline void before_switch(sanitizer_context&, sanitizer_context& to,
                                                 bool) noexcept {
    __tsan_switch_to_fiber(to.fiber, 0);
}

[[gnu::always_inline]] inline void after_switch(sanitizer_context&) noexcept {}

}  // namespace weft::context
