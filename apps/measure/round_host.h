// SPDX-License-Identifier: Apache-2.0
//
// A round of a probe in a process of its own (`weft _measure`, not for users), and how what it
// found comes back: {"records": [{"figure": "fork.call", "at": 1048576, "samples": [...]}],
// "facts": [...]}, or
// {"error": "..."}. What a probe does to its process (memory, threads, crashes) ends with it.
#pragma once

#include <cstdint>
#include <expected>
#include <filesystem>
#include <string>

#include "figure.h"
#include "lab/interrupts.h"
#include "probe.h"

namespace weft::measure {

struct round_request {
    const measure::probe* probe = nullptr;
    double seconds = 1;
    bool quick = false;
    std::uint64_t seed = 1;
    std::filesystem::path folder;  ///< for its files; empty: none
};

enum class round_end { failed, interrupted };

struct round_failure {
    round_end how = round_end::failed;
    std::string reason;
};

/// Runs it in a child and waits for it, or for the user. When it returns the child and all that it
/// started have ended, if this process is a subreaper. One thread.
std::expected<findings, round_failure> run_round(const round_request& request,
                                                 const lab::interrupts& signals);

/// The child's main program; the exit status.
int run_round_host(int control_fd);

}  // namespace weft::measure
