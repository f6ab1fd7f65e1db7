// SPDX-License-Identifier: Apache-2.0
#include "measure_command.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <expected>
#include <string>

#include <fmt/format.h>
#include <unistd.h>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include "lab/interrupts.h"
#include "lab/option_values.h"
#include "measure/plan.h"
#include "measure/report_data.h"
#include "measure/report_html.h"
#include "measure/report_terminal.h"
#include "measure/runner.h"
#include "output.h"

namespace weft::cli {

namespace {

constexpr unsigned full_rounds = 5;
constexpr unsigned quick_rounds = 3;
constexpr std::uint64_t most_rounds = 50;

report::terminal_style style_of_report(int descriptor) {
    constexpr std::size_t narrowest = 60;
    return style_of(descriptor, narrowest, report::terminal_style().width);
}

std::expected<bool, std::string> postgres_from(const std::string& text) {
    if (text != "auto" && text != "off") {
        return std::unexpected("'" + text + "' is neither auto nor off");
    }
    return text == "auto";
}

bool is_whole(const measure::measurement& all) {
    return std::ranges::none_of(all.probes, [](const measure::probe_outcome& one) {
        return one.state == measure::probe_state::failed;
    });
}

/// The files first: they are what a run of minutes must not lose. Of a run that was stopped before
/// it measured anything the files of the run before are left alone.
bool report(const measure_options& options, const measure::measurement& all) {
    bool written = true;
    if (!all.figures.empty() && !options.json_path.empty()) {
        written = write_output(options.json_path, measure::report_as_json(all));
    }
    if (!all.figures.empty() && !options.csv_path.empty()) {
        written = write_output(options.csv_path, measure::report_as_csv(all)) && written;
    }
    if (!all.figures.empty() && !options.html_path.empty()) {
        written = write_output(options.html_path, measure::report_as_html(all)) && written;
    }
    const bool to_stdout = options.json_path == "-" || options.csv_path == "-";
    const int text = to_stdout ? STDERR_FILENO : STDOUT_FILENO;
    return print(text, measure::report_for_terminal(all, style_of_report(text))) && written;
}

}  // namespace

CLI::App* add_measure_command(CLI::App& program, measure_options& into) {
    CLI::App* const command = program.add_subcommand(
        "measure",
        "Measure what people say that processes, threads and fibers cost, on this machine");
    command->add_flag("--quick", into.quick,
                      "In less than a minute: fewer points, wider intervals");
    command
        ->add_option("--only", into.only,
                     "Probes, figures or claims, separated by commas; * fits anything")
        ->type_name("LIST");
    command->add_flag("--list", into.list, "List the probes with their figures and claims");
    command
        ->add_option("--explain", into.explain, "Tell how a probe, a figure or a claim is measured")
        ->type_name("NAME");
    lab::add_option(*command, "--rounds", into.rounds,
                    "How often each probe runs (default: 5, quick: 3, less often what takes long)",
                    "N", lab::within(lab::count_within, std::uint64_t{1}, most_rounds));
    lab::add_option(*command, "--seed", into.seed, "Seed of the order of the probes", "N",
                    lab::within(lab::count_within, std::uint64_t{0}, ~std::uint64_t{0}));
    lab::add_option(*command, "--postgres", into.postgres,
                    "Whether to start PostgreSQL where it is installed: auto (default) or off",
                    "auto|off", postgres_from);
    lab::add_option(*command, "--json", into.json_path,
                    "Write the results as JSON; - for standard output", "FILE",
                    lab::report_path_or_stdout);
    lab::add_option(*command, "--csv", into.csv_path,
                    "Write the figures as CSV; - for standard output", "FILE",
                    lab::report_path_or_stdout);
    lab::add_option(*command, "--html", into.html_path, "Write a report with charts, as one file",
                    "FILE", lab::report_path_from);
    command->footer(
        "Example: weft measure --only 'C2,C16,fork*' --json fork.json\n"
        "Takes three to four minutes. What is measured, and how: docs/measuring.md, weft(1).");
    return command;
}

int run_measure_command(const measure_options& options) {
    const auto style = style_of_report(STDOUT_FILENO);
    if (options.list) {
        return print(STDOUT_FILENO, measure::list_for_terminal(style)) ? 0 : status_failed;
    }
    if (!options.explain.empty()) {
        const std::string text = measure::explanation_of(options.explain, style);
        if (text.empty()) {
            return complain(
                fmt::format("'{}' is no probe, figure or claim that is measured; weft measure "
                            "--list names them",
                            options.explain),
                status_usage);
        }
        return print(STDOUT_FILENO, text) ? 0 : status_failed;
    }
    if (options.json_path == "-" && options.csv_path == "-") {
        return complain("--json and --csv cannot both go to standard output", status_usage);
    }
    auto probes = measure::choose_probes(options.only);
    if (!probes) {
        return complain(probes.error(), status_usage);
    }
    const unsigned usual = options.quick ? quick_rounds : full_rounds;
    const measure::run_plan plan{.probes = std::move(*probes),
                                 .rounds = options.rounds != 0 ? options.rounds : usual,
                                 .all_rounds = options.rounds != 0,
                                 .quick = options.quick,
                                 .seed = options.seed,
                                 .postgres = options.postgres};
    const lab::interrupts signals;
    const auto began = std::chrono::steady_clock::now();
    auto all = measure::measure_all(plan, signals, STDERR_FILENO);
    all.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
    all.command_line = options.command_line;
    all.weft_version = WEFT_VERSION;
    const bool written = report(options, all);
    if (all.interrupted) {
        return status_interrupted;
    }
    return written && is_whole(all) ? 0 : status_failed;
}

}  // namespace weft::cli
