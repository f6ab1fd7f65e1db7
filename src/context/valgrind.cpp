// SPDX-License-Identifier: Apache-2.0
#include "context/valgrind.h"

#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#else
#define RUNNING_ON_VALGRIND 0
#define VALGRIND_STACK_REGISTER(start, end) 0
#define VALGRIND_STACK_DEREGISTER(id) static_cast<void>(id)
#endif

namespace weft::context {

unsigned* valgrind_register_stacks(std::byte* base, std::size_t count, std::size_t size) {
    if (RUNNING_ON_VALGRIND == 0) {
        return nullptr;
    }
    auto* const ids = new unsigned[count];
    for (std::size_t i = 0; i < count; ++i) {
        ids[i] = VALGRIND_STACK_REGISTER(base + i * size, base + (i + 1) * size - 1);
    }
    return ids;
}

void valgrind_forget_stacks(unsigned* ids, std::size_t count) noexcept {
    for (std::size_t i = 0; ids != nullptr && i < count; ++i) {
        VALGRIND_STACK_DEREGISTER(ids[i]);
    }
    delete[] ids;
}

}  // namespace weft::context
