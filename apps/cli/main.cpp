// SPDX-License-Identifier: Apache-2.0
//
// `weft`. The programs that `weft clients` starts as processes of their own are this one with the
// words _server, _load and _probe; those of `weft measure` with _measure.
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <exception>
#include <string>
#include <string_view>

#include <fcntl.h>
#include <fmt/format.h>
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include "clients_command.h"
#include "compare_command.h"
#include "lab/child_process.h"
#include "lab/load_host.h"
#include "lab/probes.h"
#include "lab/server_host.h"
#include "load_command.h"
#include "measure/round_host.h"
#include "measure_command.h"
#include "output.h"
#include "sched_command.h"

namespace {

using weft::cli::status_usage;

std::string command_line_of(int argc, char** argv) {
    std::string line = "weft";
    for (int i = 1; i < argc; ++i) {
        line += ' ';
        line += argv[i];
    }
    return line;
}

int complain(const CLI::ParseError& error) {
    std::string text = error.what();
    std::ranges::replace(text, '\n', ' ');
    fmt::print(stderr, "weft: {}; see weft --help\n", text);
    return status_usage;
}

int run(int argc, char** argv) {
    CLI::App program("User-space threads for C++, and a lab that shows what a client costs",
                     "weft");
    program.set_version_flag("--version", "weft " WEFT_VERSION);
    program.require_subcommand(1);
    weft::lab::clients_options options;
    options.command_line = command_line_of(argc, argv);
    weft::cli::add_clients_command(program, options);
    weft::lab::load_run_options load;
    const CLI::App* const load_command = weft::cli::add_load_command(program, load);
    weft::cli::measure_options measure;
    measure.command_line = options.command_line;
    const CLI::App* const measure_command = weft::cli::add_measure_command(program, measure);
    weft::cli::compare_options compare;
    const CLI::App* const compare_command = weft::cli::add_compare_command(program, compare);
    const CLI::App* const doctor_command = weft::cli::add_doctor_command(program);
    weft::cli::sched_options sched;
    const CLI::App* const sched_command = weft::cli::add_sched_command(program, sched);
    try {
        program.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return error.get_exit_code() == 0 ? program.exit(error) : complain(error);
    }
    if (sched_command->parsed()) {
        return weft::cli::run_sched_command(sched);
    }
    if (compare_command->parsed()) {
        return weft::cli::run_compare_command(compare);
    }
    if (doctor_command->parsed()) {
        return weft::cli::run_doctor_command();
    }
    if (measure_command->parsed()) {
        return weft::cli::run_measure_command(measure);
    }
    return load_command->parsed() ? weft::cli::run_load_command(load)
                                  : weft::cli::run_clients_command(options);
}

/// A part of `weft clients` or `weft measure`, told what to do over the channel that it inherits.
int run_part(std::string_view word) {
    if (::fcntl(weft::lab::child_control_fd, F_GETFD) < 0) {
        fmt::print(stderr, "weft: {} is started by weft itself, not by hand\n", word);
        return status_usage;
    }
    if (word == "_server") {
        return weft::lab::run_server_host(weft::lab::child_control_fd);
    }
    if (word == "_measure") {
        return weft::measure::run_round_host(weft::lab::child_control_fd);
    }
    return word == "_load" ? weft::lab::run_load_host(weft::lab::child_control_fd)
                           : weft::lab::run_probe_host(weft::lab::child_control_fd);
}

}  // namespace

int main(int argc, char** argv) {
    const std::string_view word = argc == 2 ? argv[1] : "";
    if (word == "_server" || word == "_load" || word == "_probe" || word == "_measure") {
        return run_part(word);
    }
    // A reader of the output or a child that goes away is an error to handle, not an end.
    std::signal(SIGPIPE, SIG_IGN);
    try {
        return run(argc, argv);
    } catch (const std::exception& error) {
        fmt::print(stderr, "weft: {}\n", error.what());
        return 1;
    }
}
