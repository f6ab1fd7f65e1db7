// SPDX-License-Identifier: Apache-2.0
//
// Calls that nothing can wait for instead: another kernel thread takes over what the worker has to
// run meanwhile, as weft::blocking() has it. Nothing but their own timeouts ends them.
#pragma once

#include <weft/blocking.h>

#include "posix/caller.h"

namespace weft::posix {

/// Returns what `call()` returns and leaves errno as that did: the way back to the worker takes
/// system calls of its own. By a fiber.
template <class Call>
auto aside(Call call) {
    const errno_guard guard;
    int error = 0;
    const auto returned = blocking([&] {
        const auto outcome = call();
        error = errno;
        return outcome;
    });
    guard.set(error);
    return returned;
}

}  // namespace weft::posix
