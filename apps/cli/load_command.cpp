// SPDX-License-Identifier: Apache-2.0
#include "load_command.h"

#include <cstdint>
#include <cstdio>
#include <limits>
#include <string>

#include <fmt/format.h>
#include <unistd.h>

#include "lab/clients_options.h"
#include "lab/interrupts.h"
#include "lab/option_values.h"
#include "output.h"

namespace weft::cli {

namespace {

constexpr double lowest_rate = 1e-3;
constexpr std::uint64_t most_pid = std::numeric_limits<pid_t>::max();

}  // namespace

CLI::App* add_load_command(CLI::App& program, lab::load_run_options& into) {
    CLI::App* const command = program.add_subcommand(
        "load", "Load an echo server and tell its throughput, latency and CPU per request");
    command->add_option("--connect", into.connect, "Where the server listens, as in 127.0.0.1:7000")
        ->type_name("ADDRESS")
        ->required();
    lab::add_option(*command, "--clients", into.clients, "Connections", "N",
                    lab::within(lab::count_within, std::uint64_t{1}, lab::most_clients))
        ->default_str(std::to_string(into.clients));
    lab::add_option(*command, "--duration", into.duration_seconds,
                    "Length, after half a second of warm-up", "SECONDS",
                    lab::within(lab::real_within, lab::shortest_duration_seconds,
                                lab::longest_duration_seconds))
        ->default_str(fmt::format("{}", into.duration_seconds));
    lab::add_option(*command, "--message-size", into.message_size,
                    "Length of a request and its answer", "BYTES",
                    lab::within(lab::size_within, std::uint64_t{lab::message_header_size},
                                std::uint64_t{lab::largest_message}))
        ->default_str(std::to_string(into.message_size));
    lab::add_option(*command, "--rate", into.rate,
                    "Requests per second (default: as fast as it goes)", "N",
                    lab::within(lab::real_within, lowest_rate, lab::highest_rate));
    lab::add_option(*command, "--server-pid", into.server_pid,
                    "Tell the CPU time of this process and its children per request", "PID",
                    lab::within(lab::count_within, std::uint64_t{1}, most_pid));
    lab::add_option(*command, "--json", into.json_path,
                    "Write the results as JSON; - for standard output", "FILE",
                    lab::report_path_or_stdout);
    command->footer("Example: weft load --connect 127.0.0.1:7000 --clients 1000");
    return command;
}

int run_load_command(const lab::load_run_options& options) {
    const lab::interrupts signals;
    const auto report = lab::run_load(options, signals.fd());
    if (!report) {
        if (signals.requested()) {
            return status_interrupted;
        }
        fmt::print(stderr, "weft: {}: {}\n", options.connect, report.error());
        return status_failed;
    }
    const bool written = options.json_path.empty() ||
                         write_output(options.json_path, lab::load_as_json(options, *report));
    const int text = options.json_path == "-" ? STDERR_FILENO : STDOUT_FILENO;
    const bool printed = print(text, lab::load_as_text(options, *report));
    if (signals.requested()) {
        return status_interrupted;
    }
    const bool answered = report->connect.errors.total() + report->loop.errors.total() == 0;
    return answered && written && printed ? 0 : status_failed;
}

}  // namespace weft::cli
