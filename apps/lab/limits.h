// SPDX-License-Identifier: Apache-2.0
//
// limits: what this machine allows, and how many clients of each model fit. Decided before the
// run, so that nothing fails half-way: what does not fit is scaled down or left out, with the
// reason and the command that lifts the limit.
//
// read_limits() looks at the system; plan_model() is a pure function over what it found.
#pragma once

#include "results.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weft::lab {

/// A number that something on this machine may not exceed.
struct bound {
    std::uint64_t most = UINT64_MAX;
    /// "the descriptor limit of a process is 1,024".
    std::string reason;
    /// "sysctl -w kernel.pid_max=4194304"; may be empty.
    std::string lift;
};

struct machine_limits {
    /// Descriptors that each process may have.
    std::uint64_t descriptors = UINT64_MAX;
    /// Descriptors of the whole machine that are free.
    bound files;
    /// Processes and threads that may still be started.
    bound tasks;
    /// Memory areas of one process (vm.max_map_count).
    std::uint64_t maps = UINT64_MAX;
    /// Bytes that may still be used.
    bound memory;
    /// Local ports for connections from one address to one other.
    std::uint64_t ports = UINT64_MAX;
    /// Connections that wait to be accepted.
    std::uint64_t backlog = 4096;
    unsigned cpus = 1;
    /// The limits for the report.
    std::vector<limit> listed;
};

/// The soft limits of descriptors and of processes become the hard ones, for this process and
/// those it starts.
void raise_soft_limits() noexcept;

/// How a control group names a limit: the file that holds it, the one that tells what is used, and
/// what is written to have none.
struct group_files {
    std::string_view most;
    std::string_view now;
    std::string_view what;
    std::string_view without;
};
inline constexpr group_files pids_files{"pids.max", "pids.current", "limit of processes", "max"};
inline constexpr group_files memory_files_v1{"memory.limit_in_bytes", "memory.usage_in_bytes",
                                             "memory limit", "-1"};
inline constexpr group_files memory_files_v2{"memory.max", "memory.current", "memory limit", "max"};

/// What the group in this folder still allows; no bound when it has no such limit.
bound group_bound(const std::string& folder, const group_files& files);

machine_limits read_limits();

struct model_plan {
    model_id model = model_id::process;
    /// 0: left out.
    std::uint64_t clients = 0;
    /// Server processes that share the clients (in the process model: that accept and fork).
    unsigned servers = 1;
    /// Load processes that share the clients.
    unsigned loads = 1;
    /// Of each server; of use in the fiber and coroutine models only.
    unsigned workers = 1;
    /// state left_out, with reason and lift, when nothing useful fits.
    struct outcome outcome = {};
    /// When fewer clients fit than were asked for.
    std::optional<adjustment> change = {};
};

/// Fewer than a tenth of what was asked for is no comparison: the model is left out.
model_plan plan_model(model_id model, std::uint64_t clients, std::uint64_t message_size,
                      const machine_limits& limits);

/// Connects under way at a time: no more than the listener's queue holds.
std::uint64_t connects_in_flight(const machine_limits& limits) noexcept;

}  // namespace weft::lab
