// SPDX-License-Identifier: Apache-2.0
//
// What a call would have reached without weft::posix: the next definition in the order of the
// dynamic loader, which is the C library's or a sanitizer's.
//
// Found by dlsym() before main(), since calls in handlers of signals must not look for anything, or
// when first called, if that is earlier; and kept in a plain pointer of each call site's own:
// several threads may look at once, and all find the same.
#pragma once

#include "base/atomic.h"

namespace weft::posix {

/// Aborts if there is none.
void* find_next(const char* name) noexcept;

/// WEFT_POSIX_NEXT(read)(fd, buffer, size) calls the next read().
template <class Function>
class next_definition {
public:
    constexpr explicit next_definition(const char* name) noexcept : name_(name) {}

    template <class... Args>
    auto operator()(Args... args) {
        void* found = found_.load(base::relaxed);
        if (found == nullptr) [[unlikely]] {
            found = find();
        }
        return reinterpret_cast<Function*>(found)(args...);
    }

    void* find() noexcept {
        void* const found = find_next(name_);
        found_.store(found, base::relaxed);
        return found;
    }

private:
    const char* const name_;
    base::atomic<void*> found_{nullptr};
};

}  // namespace weft::posix

/// Declares next::NAME within namespace weft::posix.
#define WEFT_POSIX_NEXT(name)                                       \
    namespace weft::posix::next {                                   \
    constinit static next_definition<decltype(::name)> name{#name}; \
    [[gnu::constructor(101)]] static void find_##name() noexcept {  \
        name.find();                                                \
    }                                                               \
    }

/// A name by which anchor.cpp asks the linker for this file.
#define WEFT_POSIX_PART(part)                \
    extern "C" const char weft_posix_##part; \
    extern "C" const char weft_posix_##part = 0;
