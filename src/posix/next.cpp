// SPDX-License-Identifier: Apache-2.0
#include "posix/next.h"

#include <dlfcn.h>

#include "base/assert.h"

namespace weft::posix {

void* find_next(const char* name) noexcept {
    void* const found = ::dlsym(RTLD_NEXT, name);
    WEFT_ASSERT(found != nullptr,
                "weft::posix found no definition of a function that it stands in for; it works in "
                "programs that link the C library dynamically");
    return found;
}

}  // namespace weft::posix
