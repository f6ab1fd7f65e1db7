// SPDX-License-Identifier: Apache-2.0
#include "proc_metrics.h"

#include <gtest/gtest.h>

#include <array>

#include <unistd.h>

namespace weft::lab {
namespace {

TEST(proc_metrics, status_fields) {
    const auto fields = parse_status(
        "Name:\tweft VmRSS: 1 kB\nVmSize:\t  2048 kB\nVmRSS:\t 100 kB\nVmPTE:\t 44 kB\n"
        "Threads:\t3\nvoluntary_ctxt_switches:\t7\nnonvoluntary_ctxt_switches:\t9\n");
    EXPECT_EQ(fields.virtual_bytes, 2048U * 1024);
    EXPECT_EQ(fields.resident_bytes, 100U * 1024);
    EXPECT_EQ(fields.page_table_bytes, 44U * 1024);
    EXPECT_EQ(fields.threads, 3U);
    EXPECT_EQ(fields.voluntary_switches, 7U);
    EXPECT_EQ(fields.involuntary_switches, 9U);
}

TEST(proc_metrics, a_zombie_has_no_memory) {
    const auto fields = parse_status("Name:\tweft\nState:\tZ (zombie)\nThreads:\t1\n");
    EXPECT_FALSE(fields.resident_bytes.has_value());
    EXPECT_FALSE(fields.page_table_bytes.has_value());
}

TEST(proc_metrics, machine_ticks_by_kind) {
    const auto ticks = parse_machine_ticks("cpu  10 1 20 300 5 2 3 40 6 0\ncpu0 1 1 1 1\n");
    EXPECT_EQ(ticks.user, 11U);
    EXPECT_EQ(ticks.system, 20U);
    EXPECT_EQ(ticks.idle, 305U);
    EXPECT_EQ(ticks.interrupts, 5U);
    EXPECT_EQ(ticks.steal, 40U);
    EXPECT_EQ(ticks.total(), 381U);
}

TEST(proc_metrics, a_name_with_blanks_and_parentheses) {
    const auto ticks = parse_cpu_ticks("12 (a b) c) S 1 2 3 0 -1 4194304 5 6 7 8 90 12 0 0 20\n");
    ASSERT_TRUE(ticks.has_value());
    EXPECT_EQ(ticks->first, 90U);
    EXPECT_EQ(ticks->second, 12U);
    EXPECT_FALSE(parse_cpu_ticks("12 (weft) S 1 2").has_value());
    EXPECT_FALSE(parse_cpu_ticks("").has_value());
}

TEST(proc_metrics, pages_of_sockets) {
    EXPECT_EQ(parse_socket_pages("sockets: used 5\nTCP: inuse 4 orphan 0 tw 1 alloc 9 mem 12\n"
                                 "UDP: inuse 1 mem 3\n"),
              15U);
    EXPECT_EQ(parse_socket_pages("TCP6: inuse 2\n"), 0U);
}

TEST(proc_metrics, this_process_has_used_something) {
    const std::array self{::getpid()};
    const snapshot now = take_snapshot(self);
    EXPECT_EQ(now.totals.processes, 1U);
    EXPECT_GE(now.totals.threads, 1U);
    EXPECT_GT(now.totals.cpu_ns, 0U);
    EXPECT_GT(now.memory.resident_bytes.value_or(0), 0U);
    EXPECT_GT(read_available_memory(), 0U);
    EXPECT_TRUE(read_file("/nowhere").empty());
}

}  // namespace
}  // namespace weft::lab
