// SPDX-License-Identifier: Apache-2.0
//
// What this machine limits, what that means for weft, and the command that lifts it.
//
// read_system() looks; examine() is a pure function over what it saw.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace weft::measure {

struct system_view {
    std::uint64_t descriptors_soft = 0;
    std::uint64_t descriptors_hard = 0;
    std::optional<std::uint64_t> tasks;  ///< that may still be started; none: no limit known
    std::string tasks_reason = {};
    std::uint64_t maps = 0;  ///< vm.max_map_count
    bool io_uring = false;   ///< io_uring_setup() works
    bool userfaultfd = false;
    bool guard_pages = false;     ///< MADV_GUARD_INSTALL, Linux 6.13
    bool short_slices = false;    ///< sched_setattr() takes a slice, Linux 6.12
    std::string huge_pages = {};  ///< of transparent_hugepage/enabled: "always", "madvise", "never"
    std::optional<int> perf_paranoid = {};
    bool tracefs = false;           ///< sched_switch can be read
    std::string clock_source = {};  ///< "tsc", "kvm-clock", "hpet"
    bool autogroup = false;
    bool is_root = false;
};

enum class health { fine, limited };

struct diagnosis {
    std::string what;   ///< "descriptors"
    std::string value;  ///< "1,024, at most 1,048,576"
    measure::health health = health::fine;
    std::string means = {};  ///< what one cannot do; empty when fine
    std::string lift = {};   ///< the command; empty: there is none
};

system_view read_system();
std::vector<diagnosis> examine(const system_view& seen);

}  // namespace weft::measure
