// SPDX-License-Identifier: Apache-2.0
#include "clients_command.h"

#include <algorithm>
#include <cstdio>
#include <string_view>
#include <system_error>

#include <fmt/format.h>
#include <unistd.h>
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include "lab/clients_arguments.h"
#include "lab/interrupts.h"
#include "lab/orchestrator.h"
#include "lab/report_file.h"
#include "lab/report_html.h"
#include "lab/report_json.h"
#include "lab/report_terminal.h"
#include "lab/system_calls.h"

namespace weft::cli {

namespace {

constexpr int status_failed = 1;
constexpr int status_interrupted = 130;

/// Whoever reads may have gone (weft clients | head): no reason for a message.
bool print(int descriptor, std::string_view text) {
    const auto written = lab::write_all(descriptor, text);
    if (!written && written.error() != std::errc::broken_pipe) {
        fmt::print(stderr, "weft: writing the results: {}\n", written.error().message());
    }
    return written.has_value();
}

bool write_file(const std::string& path, const lab::results& measured,
                std::string (*form)(const lab::results&)) {
    if (path.empty()) {
        return true;
    }
    if (path == "-") {
        return print(STDOUT_FILENO, form(measured));
    }
    if (const auto written = lab::write_report(path, form(measured)); !written) {
        fmt::print(stderr, "weft: writing {}: {}\n", path, written.error().message());
        return false;
    }
    return true;
}

bool has_measured(const lab::results& measured) {
    return std::ranges::any_of(measured.models, [](const lab::model_result& model) {
        return std::ranges::any_of(model.repeats,
                                   [](const lab::repeat& one) { return one.connect.has_value(); });
    });
}

/// The files first: they are what a run of minutes must not lose. One that was stopped before it
/// measured anything leaves the files of the run before alone.
bool report(const lab::clients_options& options, const lab::results& measured) {
    bool written = true;
    if (!measured.run.interrupted || has_measured(measured)) {
        written = write_file(options.json_path, measured, lab::report_as_json) && written;
        written = write_file(options.html_path, measured, lab::report_as_html) && written;
    }
    const int table = options.json_path == "-" ? STDERR_FILENO : STDOUT_FILENO;
    return print(table, lab::report_for_terminal(measured, lab::terminal_style::of(table))) &&
           written;
}

bool is_complete(const lab::results& measured) {
    using lab::outcome_state;
    const auto has = [&measured](outcome_state state) {
        return std::ranges::any_of(measured.models, [state](const lab::model_result& model) {
            return model.outcome.state == state;
        });
    };
    return has(outcome_state::ok) && !has(outcome_state::died) && !has(outcome_state::failed);
}

}  // namespace

CLI::App* add_clients_command(CLI::App& program, lab::clients_options& into) {
    CLI::App* const command = program.add_subcommand(
        "clients", "Put clients on a server under four models and show what each costs");
    command->footer(
        "Example: weft clients --clients 2000 --models thread,fiber --html report.html\n"
        "What is measured, and how: docs/clients.md, weft(1).");
    lab::add_clients_options(*command, into);
    return command;
}

int run_clients_command(const lab::clients_options& options) {
    const lab::interrupts signals;
    const lab::results measured = lab::orchestrator(options, signals, STDERR_FILENO).run();
    const bool written = report(options, measured);
    if (measured.run.interrupted) {
        return status_interrupted;
    }
    return written && is_complete(measured) ? 0 : status_failed;
}

}  // namespace weft::cli
