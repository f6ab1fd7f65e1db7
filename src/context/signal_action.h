// SPDX-License-Identifier: Apache-2.0
//
// What was there before a handler of ours, and how to go on with it. Async-signal-safe.
#pragma once

#include <signal.h>

namespace weft::context {

/// Whether `action` is a handler, neither the default nor to be ignored.
inline bool is_function(const struct sigaction& action) noexcept {
    // Both names are of one place, and SIG_IGN may come with SA_SIGINFO.
    return action.sa_handler != SIG_DFL && action.sa_handler != SIG_IGN;
}

/// Calls it. It must be a function.
inline void call(const struct sigaction& action, int signal, siginfo_t* info,
                 void* machine) noexcept {
    if ((action.sa_flags & SA_SIGINFO) != 0) {
        action.sa_sigaction(signal, info, machine);
    } else {
        action.sa_handler(signal);
    }
}

}  // namespace weft::context
