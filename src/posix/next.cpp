// SPDX-License-Identifier: Apache-2.0
#include "posix/next.h"

#include <dlfcn.h>

#include "base/assert.h"

namespace weft::posix {

void* find_next(const char* name) noexcept {
    void* found = ::dlsym(RTLD_NEXT, name);
#if defined(__x86_64__)
    // Before glibc 2.36 that finds the oldest one of several versions (its bug 14932): for
    // condition variables one that takes them for pointers.
    if (found == ::dlvsym(RTLD_NEXT, name, "GLIBC_2.2.5")) {
        if (void* const later = ::dlvsym(RTLD_NEXT, name, "GLIBC_2.3.2")) {
            found = later;
        }
    }
#endif
    WEFT_ASSERT(found != nullptr,
                "weft::posix found no definition of a function that it stands in for; it works in "
                "programs that link the C library dynamically");
    return found;
}

}  // namespace weft::posix
