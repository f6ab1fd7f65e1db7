// SPDX-License-Identifier: Apache-2.0
#include "context/exception_state.h"

#include <cxxabi.h>

namespace weft::context {

exception_state* thread_exception_state() noexcept {
    auto* state = reinterpret_cast<exception_state*>(abi::__cxa_get_globals());
    asm volatile("" : "+r"(state));  // keeps the compiler from finding out that this is `const`
    return state;
}

}  // namespace weft::context
