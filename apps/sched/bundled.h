// SPDX-License-Identifier: Apache-2.0
//
// The workloads that are part of the program: apps/sched/workloads/*.toml, embedded at build time
// (CMakeLists.txt lists them).
#pragma once

#include <optional>
#include <span>
#include <string_view>

namespace weft::sim {

struct bundled_workload {
    std::string_view name;  ///< without ".toml"
    std::string_view text;
};

std::span<const bundled_workload> bundled_workloads();
std::optional<bundled_workload> find_bundled(std::string_view name);

}  // namespace weft::sim
