// SPDX-License-Identifier: Apache-2.0
#include "clients_command.h"

#include <algorithm>

#include <unistd.h>
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include "lab/clients_arguments.h"
#include "lab/interrupts.h"
#include "lab/orchestrator.h"
#include "lab/report_html.h"
#include "lab/report_json.h"
#include "lab/report_terminal.h"
#include "output.h"

namespace weft::cli {

namespace {

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
        if (!options.json_path.empty()) {
            written = write_output(options.json_path, lab::report_as_json(measured));
        }
        if (!options.html_path.empty()) {
            written = write_output(options.html_path, lab::report_as_html(measured)) && written;
        }
    }
    const int table = options.json_path == "-" ? STDERR_FILENO : STDOUT_FILENO;
    return print(table, lab::report_for_terminal(measured, report::terminal_style::of(table))) &&
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
