// SPDX-License-Identifier: Apache-2.0
//
// `weft load`: the load generator of `weft clients` by hand, against any server that echoes, from
// one process. With the server's process number it tells what a request costs that server in CPU
// time, which is what the benchmarks compare. One thread.
#pragma once

#include "load_report.h"

#include <cstdint>
#include <expected>
#include <string>

#include <sys/types.h>

namespace weft::lab {

struct load_run_options {
    std::string connect;  ///< "127.0.0.1:7000", as endpoint::parse reads it
    std::uint64_t clients = 100;
    double duration_seconds = 3;  ///< after half a second of warm-up
    std::size_t message_size = 64;
    double rate = 0;       ///< requests per second of all clients together; 0: as fast as it goes
    pid_t server_pid = 0;  ///< 0: do not tell the server's CPU time
    std::string json_path;
};

struct load_run_report {
    connect_report connect;
    loop_report loop;
    /// Microseconds of the server and what it forked, per request; 0 where it was not asked for.
    double cpu_us_per_request = 0;
};

/// Runs it. `stop_fd`: readable when it shall end early. Fails, with a sentence, if the address is
/// none, or nobody got an answer.
std::expected<load_run_report, std::string> run_load(const load_run_options& options, int stop_fd);

std::string load_as_json(const load_run_options& options, const load_run_report& report);
std::string load_as_text(const load_run_options& options, const load_run_report& report);

}  // namespace weft::lab
