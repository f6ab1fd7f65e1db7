// SPDX-License-Identifier: Apache-2.0
#include "load_command.h"

#include <cstdio>

#include <fmt/format.h>
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <CLI/Validators.hpp>

#include "lab/clients_options.h"
#include "lab/interrupts.h"
#include "lab/report_file.h"

namespace weft::cli {

namespace {

constexpr int status_failed = 1;
constexpr int status_interrupted = 130;

bool write_json(const lab::load_run_options& options, const lab::load_run_report& report) {
    const std::string text = lab::load_as_json(options, report);
    if (options.json_path == "-") {
        return std::fputs(text.c_str(), stdout) >= 0 && std::fflush(stdout) == 0;
    }
    if (const auto written = lab::write_report(options.json_path, text); !written) {
        fmt::print(stderr, "weft: writing {}: {}\n", options.json_path, written.error().message());
        return false;
    }
    return true;
}

}  // namespace

CLI::App* add_load_command(CLI::App& program, lab::load_run_options& into) {
    CLI::App* const command = program.add_subcommand(
        "load", "Load an echo server and tell its throughput, latency and CPU per request");
    command->add_option("--connect", into.connect, "Where the server listens, as in 127.0.0.1:7000")
        ->type_name("ADDRESS")
        ->required();
    command->add_option("--clients", into.clients, "Connections")
        ->type_name("N")
        ->capture_default_str()
        ->check(CLI::Range(std::uint64_t{1}, lab::most_clients));
    command
        ->add_option("--duration", into.duration_seconds, "Length, after half a second of warm-up")
        ->type_name("SECONDS")
        ->capture_default_str()
        ->check(CLI::Range(0.1, lab::longest_duration_seconds));
    command->add_option("--message-size", into.message_size, "Length of a request and its answer")
        ->type_name("BYTES")
        ->capture_default_str()
        ->check(CLI::Range(lab::message_header_size, lab::largest_message));
    command->add_option("--rate", into.rate, "Requests per second (default: as fast as it goes)")
        ->type_name("N")
        ->check(CLI::Range(1e-3, 1e9));
    command
        ->add_option("--server-pid", into.server_pid,
                     "Tell the CPU time of this process and its children per request")
        ->type_name("PID")
        ->check(CLI::PositiveNumber);
    command
        ->add_option("--json", into.json_path, "Write the results as JSON; - for standard output")
        ->type_name("FILE");
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
        fmt::print(stderr, "weft: {}: {}\n", options.connect, report.error().message());
        return status_failed;
    }
    const bool to_stdout = options.json_path == "-";
    if (!options.json_path.empty() && !write_json(options, *report)) {
        return status_failed;
    }
    fmt::print(to_stdout ? stderr : stdout, "{}", lab::load_as_text(options, *report));
    if (signals.requested()) {
        return status_interrupted;
    }
    return report->connect.errors.total() + report->loop.errors.total() == 0 ? 0 : status_failed;
}

}  // namespace weft::cli
