// SPDX-License-Identifier: Apache-2.0
#include <weft/errno.h>

namespace weft::detail {

[[gnu::noinline]] int* errno_location() noexcept {
    int* here = ::__errno_location();
    asm volatile("" : "+r"(here));  // or the compiler finds out that it is const
    return here;
}

}  // namespace weft::detail
