// SPDX-License-Identifier: Apache-2.0
//
// probes: what it costs to create and to switch threads and fibers, timed alone, without clients.
// They take a second or two, on an otherwise idle machine, in a process of their own (`weft
// _probe`, not for users): the process that starts the servers must stay without threads.
//
// Each probe repeats its batches; the report shows their median and spread. Creating fibers is
// timed twice, beside none and beside many that are parked, to see whether it grows.
#pragma once

#include "interrupts.h"
#include "results.h"

#include <expected>
#include <vector>

namespace weft::lab {

/// Runs the probes in a child process and waits for them, or for the user. Used by the
/// orchestrator. Fails with the outcome `interrupted` or `failed`.
std::expected<std::vector<probe>, outcome> run_probes(const interrupts& signals);

/// The child's main program; the exit status.
int run_probe_host(int control_fd);

}  // namespace weft::lab
