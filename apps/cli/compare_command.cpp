// SPDX-License-Identifier: Apache-2.0
#include "compare_command.h"

#include <cerrno>
#include <expected>
#include <fstream>
#include <iterator>
#include <system_error>

#include <fmt/format.h>
#include <unistd.h>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <nlohmann/json.hpp>

#include "lab/option_values.h"
#include "lab/units.h"
#include "measure/comparison.h"
#include "measure/doctor.h"
#include "output.h"
#include "report/ink.h"

namespace weft::cli {

namespace {

using nlohmann::json;

std::expected<json, std::string> read_results(const std::string& path) {
    std::ifstream file(path);
    if (!file) {
        return std::unexpected(fmt::format("{}: {}", path, std::generic_category().message(errno)));
    }
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    json document = json::parse(text, nullptr, false);
    if (document.is_discarded()) {
        return std::unexpected(fmt::format("{}: is no JSON", path));
    }
    return document;
}

}  // namespace

CLI::App* add_compare_command(CLI::App& program, compare_options& into) {
    CLI::App* const command =
        program.add_subcommand("compare", "Set two runs of weft measure --json side by side");
    command->add_option("first", into.first, "Results of the first run")
        ->required()
        ->type_name("A.json");
    command->add_option("second", into.second, "Results of the second run")
        ->required()
        ->type_name("B.json");
    lab::add_option(*command, "--json", into.json_path,
                    "Write the comparison as JSON; - for standard output", "FILE",
                    lab::report_path_or_stdout);
    command->footer("A difference counts where the intervals of both have nothing in common.");
    return command;
}

int run_compare_command(const compare_options& options) {
    const auto first = read_results(options.first);
    if (!first) {
        return complain(first.error());
    }
    const auto second = read_results(options.second);
    if (!second) {
        return complain(second.error());
    }
    const auto both = measure::compare(*first, *second);
    if (!both) {
        return complain(fmt::format("{} or {}: {}", options.first, options.second, both.error()));
    }
    bool written = true;
    if (!options.json_path.empty()) {
        written = write_output(
            options.json_path,
            measure::to_json(*both).dump(2, ' ', false, json::error_handler_t::replace) + "\n");
    }
    const int text = options.json_path == "-" ? STDERR_FILENO : STDOUT_FILENO;
    return print(text, measure::report_of(*both)) && written ? 0 : status_failed;
}

CLI::App* add_doctor_command(CLI::App& program) {
    return program.add_subcommand(
        "doctor", "Tell what this machine limits, what that means, and what lifts it");
}

int run_doctor_command() {
    const auto style = report::terminal_style::of(STDOUT_FILENO);
    std::string out;
    for (const measure::diagnosis& one : measure::examine(measure::read_system())) {
        const bool fine = one.health == measure::health::fine;
        out += report::painted(fine ? "fine    " : "limited ",
                               fine ? report::ink::green : report::ink::yellow, style);
        out += fmt::format("{:<26}{}\n", one.what, lab::printable(one.value));
        constexpr std::size_t indent = 8;
        const std::string blanks(indent, ' ');
        if (!one.means.empty()) {
            out += lab::wrapped(blanks, lab::printable(one.means), indent, style.width) + "\n";
        }
        if (!one.lift.empty()) {
            out += blanks + one.lift + "\n";
        }
    }
    return print(STDOUT_FILENO, out) ? 0 : status_failed;
}

}  // namespace weft::cli
