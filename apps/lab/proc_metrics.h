// SPDX-License-Identifier: Apache-2.0
//
// What a set of processes uses, as the kernel tells it under /proc. The set is the server's own
// processes and, in the process model, all that they forked.
//
// A snapshot of ten thousand processes or threads reads a file for each: it is taken between
// phases, when nobody measures time. What is expensive for the kernel to add up (PSS: a walk over
// all page tables) is read for an even sample of the processes and scaled up.
//
// Kinds of memory that the kernel counts for the whole machine only (kernel stacks, slab, socket
// buffers) are read before anything else, because reading /proc itself fills the kernel's caches;
// the caller subtracts what was there before the first client. Pure parsers are apart, for tests.
#pragma once

#include "results.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sys/types.h>

namespace weft::lab {

/// Totals since each process began; the figures of a phase are differences.
struct use_totals {
    /// Exact; of the processes' own clocks.
    std::uint64_t cpu_ns = 0;
    /// In ticks, of the named processes without what they forked: only for the ratio of both.
    std::uint64_t user_ticks = 0;
    std::uint64_t system_ticks = 0;
    std::uint64_t voluntary_switches = 0;
    std::uint64_t involuntary_switches = 0;
    std::uint64_t processes = 0;
    std::uint64_t threads = 0;
};

/// CPU time of the whole machine since it was started, in ticks.
struct machine_ticks {
    std::uint64_t user = 0;
    std::uint64_t system = 0;
    /// Whom it interrupted says nothing about who caused it.
    std::uint64_t interrupts = 0;
    std::uint64_t idle = 0;
    std::uint64_t steal = 0;

    [[nodiscard]] std::uint64_t total() const noexcept {
        return user + system + interrupts + idle + steal;
    }
};

/// /proc/PID/status; absent lines stay absent.
struct status_fields {
    std::optional<std::uint64_t> virtual_bytes;
    std::optional<std::uint64_t> resident_bytes;
    std::optional<std::uint64_t> page_table_bytes;
    std::uint64_t threads = 1;
    std::uint64_t voluntary_switches = 0;
    std::uint64_t involuntary_switches = 0;
};

status_fields parse_status(std::string_view text);
machine_ticks parse_machine_ticks(std::string_view proc_stat);
/// "Name:   12 kB" in bytes; nothing when there is no such line.
std::optional<std::uint64_t> parse_kib_line(std::string_view text, std::string_view name);
/// Pages of socket buffers in /proc/net/sockstat or sockstat6.
std::uint64_t parse_socket_pages(std::string_view sockstat);
/// utime and stime of /proc/PID/stat; nothing when it is cut short.
std::optional<std::pair<std::uint64_t, std::uint64_t>> parse_cpu_ticks(std::string_view stat);

/// The whole file, empty when it cannot be read.
std::string read_file(const char* path);

machine_ticks read_machine_ticks();
/// Kernel stacks, slab and socket buffers of the whole machine.
memory_use read_machine_memory();
/// Memory that can be had without swapping.
std::uint64_t read_available_memory();

/// `roots` and, recursively, their children.
std::vector<pid_t> process_tree(std::span<const pid_t> roots);

/// CPU time that the processes used so far, in nanoseconds; those that are gone count zero. One
/// system call each.
std::uint64_t cpu_time_ns(std::span<const pid_t> processes);

struct snapshot {
    use_totals totals;
    memory_use memory;
};

/// Everything, of `roots` and what they forked.
snapshot take_snapshot(std::span<const pid_t> roots);

}  // namespace weft::lab
