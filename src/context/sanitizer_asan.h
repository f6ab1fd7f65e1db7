// SPDX-License-Identifier: Apache-2.0
//
// AddressSanitizer: see sanitizer.h, which is the one to include. It wants to know the bounds of
// the stack that runs, and keeps a fake stack per context (to find uses after return), which ends
// with it.
#pragma once

#include <pthread.h>
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>

#include <cstddef>

#include "context/stack.h"

namespace weft::context {

struct sanitizer_context {
    void* fake_stack = nullptr;
    const void* bottom = nullptr;
    std::size_t size = 0;
};

inline void sanitizer_create(sanitizer_context& context, const stack& s) noexcept {
    context = {nullptr, s.base, s.size};
}

inline void sanitizer_adopt_thread(sanitizer_context& context) noexcept {
    pthread_attr_t attributes;
    void* base = nullptr;
    std::size_t size = 0;
    if (::pthread_getattr_np(::pthread_self(), &attributes) == 0) {
        ::pthread_attr_getstack(&attributes, &base, &size);
        ::pthread_attr_destroy(&attributes);
    }
    context = {nullptr, base, size};
}

inline void sanitizer_destroy(sanitizer_context& context) noexcept {
    context = {};
}

/// Frames that never returned left their red zones behind.
inline void sanitizer_recycle(std::byte* memory, std::size_t size) noexcept {
    __asan_unpoison_memory_region(memory, size);
}

/// `from_ends`: nothing will ever switch back to `from`; its fake stack is freed.
[[gnu::always_inline]] inline void before_switch(sanitizer_context& from, sanitizer_context& to,
                                                 bool from_ends) noexcept {
    __sanitizer_start_switch_fiber(from_ends ? nullptr : &from.fake_stack, to.bottom, to.size);
}

/// A fresh context has no fake stack yet, which is what null says.
[[gnu::always_inline]] inline void after_switch(sanitizer_context& self) noexcept {
    __sanitizer_finish_switch_fiber(self.fake_stack, nullptr, nullptr);
}

}  // namespace weft::context
