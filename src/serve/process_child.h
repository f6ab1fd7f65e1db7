// SPDX-License-Identifier: Apache-2.0
//
// What a child of the process model does, from the return of fork() to its end.
#pragma once

#include <sys/types.h>
#include <csignal>

#include <span>

#include <weft/serve.h>

#include "io/poll_descriptor.h"
#include "serve/server_state.h"

namespace weft::serving {

/// Exit status of a child whose handler was left by an exception; EX_SOFTWARE of sysexits.h.
inline constexpr int child_failed_status = 70;

struct child_setup {
    const handler& serve_client;
    server_state& state;
    std::span<const int> keep_descriptors;  ///< sorted
    const sigset_t& mask;                   ///< to run the handler with, SIGTERM aside
    pid_t parent;
    bool ignore_interrupt;  ///< Ctrl-C goes to the whole foreground; the parent deals with it
};

/// Called with SIGTERM blocked. Runs the handler and ends the process, without the atexit
/// functions.
[[noreturn]] void run_child(const child_setup& setup, int client, io::protocol proto) noexcept;

}  // namespace weft::serving
