// SPDX-License-Identifier: Apache-2.0
#include "sched_command.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <expected>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include "lab/option_values.h"
#include "output.h"
#include "sched/bundled.h"
#include "sched/outcome.h"
#include "sched/report_html.h"
#include "sched/report_json.h"
#include "sched/report_terminal.h"
#include "sched/report_trace.h"
#include "sched/workload_file.h"
#include "sched_live.h"
#include "sched_output.h"

namespace weft::cli {

namespace {

/// Of the lag: as many as a chart can show.
constexpr std::size_t lag_samples = 400;

checked<sim::nanoseconds> duration_within(std::string_view text, sim::nanoseconds least,
                                          sim::nanoseconds most) {
    const auto value = sim::parse_duration(text);
    if (!value) {
        return std::unexpected(fmt::format("'{}' is no time, as in 500ms or 2s", text));
    }
    if (*value < least || *value > most) {
        return std::unexpected(fmt::format("'{}' is not from {} to {}", text, sim::text_of(least),
                                           sim::text_of(most)));
    }
    return *value;
}

checked<std::vector<sim::policy>> policies_from(std::string_view text) {
    std::vector<sim::policy> policies;
    while (!text.empty()) {
        const std::string_view word = text.substr(0, text.find(','));
        text.remove_prefix(std::min(word.size() + 1, text.size()));
        if (word == "all") {
            policies.assign(sim::all_policies.begin(), sim::all_policies.end());
            continue;
        }
        const auto policy = sim::policy_of(word);
        if (!policy) {
            return std::unexpected(
                fmt::format("'{}' is none of cfs, eevdf, fifo, round_robin, all", word));
        }
        if (std::ranges::find(policies, *policy) == policies.end()) {
            policies.push_back(*policy);
        }
    }
    if (policies.empty()) {
        return std::unexpected("name at least one of cfs, eevdf, fifo, round_robin");
    }
    return policies;
}

checked<sim::window> window_from(const std::string& text) {
    if (const std::size_t dots = text.find(".."); dots != std::string::npos) {
        const auto from = sim::parse_duration(text.substr(0, dots));
        const auto to = sim::parse_duration(text.substr(dots + 2));
        if (from && to && *from < *to) {
            return sim::window{*from, *to};
        }
    }
    return std::unexpected(fmt::format("'{}' is no part of a run, as in 0ms..80ms", text));
}

auto within(sim::nanoseconds least, sim::nanoseconds most) {
    return [least, most](const std::string& text) { return duration_within(text, least, most); };
}

void add_simulation_options(CLI::App& command, sched_options& into) {
    lab::add_option(command, "--policy", into.policies,
                    "Policies to run it under, separated by commas: cfs, eevdf, fifo, round_robin, "
                    "or all",
                    "LIST", policies_from)
        ->default_str("cfs,eevdf");
    lab::add_option(command, "--duration", into.duration, "How long to run, as in 500ms or 2s",
                    "TIME", within(sim::shortest_duration, sim::longest_duration));
    lab::add_option(command, "--cpus", into.cpus,
                    "CPUs of the simulated machine; live, of this one", "N",
                    lab::within(lab::count_within, std::uint64_t{1}, sim::most_cpus));
    lab::add_option(command, "--tick", into.tick, "How often the policy may end a turn", "TIME",
                    within(sim::shortest_tick, sim::longest_tick));
    lab::add_option(command, "--seed", into.seed, "Seed of the lengths that are drawn", "N",
                    lab::within(lab::count_within, std::uint64_t{0}, ~std::uint64_t{0}));
    lab::add_option(command, "--show", into.shown, "The part to draw, as in 0ms..80ms", "FROM..TO",
                    window_from);
}

/// They come after those of the simulation, some of which they exclude.
void add_live_options(CLI::App& command, sched_options& into) {
    CLI::Option* const live = command.add_flag(
        "--live", into.live,
        "Run it on this machine, as kernel threads and as fibers in turn, and compare both; "
        "nice-ladder if no workload is named");
    for (const char* const simulated : {"--policy", "--tick", "--list", "--print"}) {
        live->excludes(command.get_option(simulated));
    }
    lab::add_option(command, "--slice", into.slice,
                    "Live: how long a task may run while others wait, 0.1ms to 100ms", "TIME",
                    within(sim::shortest_tick, sim::longest_tick))
        ->needs(live);
    lab::add_option(command, "--repeat", into.repeat,
                    "Live: how often to run both, 1 to 100; the order alternates", "N",
                    lab::within(lab::count_within, std::uint64_t{1}, std::uint64_t{100}))
        ->needs(live);
}

void add_report_options(CLI::App& command, sched_options& into) {
    lab::add_option(command, "--json", into.json_path,
                    "Write the results as JSON; - for standard output", "FILE",
                    lab::report_path_or_stdout);
    lab::add_option(command, "--trace", into.trace_path,
                    "Write a trace that Perfetto and chrome://tracing open; - for standard output",
                    "FILE", lab::report_path_or_stdout);
    lab::add_option(command, "--html", into.html_path, "Write a report with charts, as one file",
                    "FILE", lab::report_path_from);
}

/// All of it, or one byte more than is allowed, which the parser then refuses.
checked<std::string> read_all(int descriptor, const std::string& name) {
    std::string text;
    while (text.size() <= sim::longest_file) {
        std::array<char, 4096> piece{};
        const ssize_t length = ::read(descriptor, piece.data(), piece.size());
        if (length < 0 && errno == EINTR) {
            continue;
        }
        if (length < 0) {
            return std::unexpected(
                fmt::format("{}: {}", name, std::generic_category().message(errno)));
        }
        if (length == 0) {
            break;
        }
        text.append(piece.data(), static_cast<std::size_t>(length));
    }
    return text;
}

checked<sim::workload> workload_from(const std::string& name) {
    if (const auto bundled = sim::find_bundled(name)) {
        return sim::parse_workload(bundled->text, bundled->name);
    }
    const int file = name == "-" ? STDIN_FILENO : ::open(name.c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        const int error = errno;
        const bool is_word = name.find_first_of("./") == std::string::npos;
        return std::unexpected(fmt::format("{}: {}{}", name, std::generic_category().message(error),
                                           is_word ? ", and no bundled workload is called so: see "
                                                     "weft sched --list"
                                                   : ""));
    }
    const auto text = read_all(file, name);
    if (file != STDIN_FILENO) {
        ::close(file);
    }
    return text ? sim::parse_workload(*text, name) : std::unexpected(text.error());
}

/// What the command line says instead. A part that is shown must be one of the run.
checked<sim::workload> adjusted(sim::workload work, const sched_options& options) {
    work.duration = options.duration.value_or(work.duration);
    work.cpus = options.cpus.value_or(work.cpus);
    work.tick = options.tick.value_or(work.tick);
    work.seed = options.seed.value_or(work.seed);
    for (const sim::task_spec& task : work.tasks) {
        if (task.cpu && *task.cpu >= work.cpus) {
            return std::unexpected(fmt::format("{}: {} must run on CPU {}, and there are {}",
                                               work.name, task.name, *task.cpu, work.cpus));
        }
    }
    if (options.shown && options.shown->to > work.duration) {
        return std::unexpected(fmt::format("{}: --show goes to {}, the run to {}", work.name,
                                           sim::text_of(options.shown->to),
                                           sim::text_of(work.duration)));
    }
    work.shown = options.shown.value_or(work.shown);
    if (work.shown.to > work.duration) {
        const sim::nanoseconds length = work.shown.to - work.shown.from;
        work.shown = {work.duration - std::min(length, work.duration), work.duration};
    }
    return work;
}

checked<sim::outcome> outcome_of(sim::workload work, const sched_options& options) {
    sim::outcome all{.work = std::move(work), .policies = {}};
    for (const sim::policy policy : options.policies) {
        auto run = sim::simulate(all.work, policy);
        if (!run) {
            return std::unexpected(
                fmt::format("{}: {}: {}", all.work.name, sim::name_of(policy), run.error()));
        }
        auto measured = sim::measure(all.work, *run, lag_samples);
        all.policies.push_back({std::move(*run), std::move(measured)});
    }
    return all;
}

int run_simulation(sim::workload work, const sched_options& options) {
    const auto all = outcome_of(std::move(work), options);
    if (!all) {
        return complain(all.error());
    }
    const bool written = write_reports(
        options,
        {.json = [&] { return sim::report_as_json(*all); },
         .trace = [&] { return sim::report_as_trace(*all); },
         .html = [&] { return sim::report_as_html(*all, WEFT_VERSION); },
         .text = [&](const auto& style) { return sim::report_for_terminal(*all, style); }});
    return written ? 0 : status_failed;
}

int print_bundled(const std::string& name) {
    const auto bundled = sim::find_bundled(name);
    if (!bundled) {
        return complain(
            fmt::format("no bundled workload is called '{}': see weft sched --list", name));
    }
    return print(STDOUT_FILENO, bundled->text) ? 0 : status_failed;
}

}  // namespace

CLI::App* add_sched_command(CLI::App& program, sched_options& into) {
    CLI::App* const command = program.add_subcommand(
        "sched",
        "Run a workload under several schedulers, simulated or live, and show what each does");
    command
        ->add_option("workload", into.workload,
                     "A bundled workload, a file, or - for standard input; none: list them")
        ->type_name("WORKLOAD");
    command->add_flag("--list", into.list, "List the bundled workloads");
    command->add_option("--print", into.print, "Print a bundled workload, to start from")
        ->type_name("NAME");
    add_simulation_options(*command, into);
    add_live_options(*command, into);
    add_report_options(*command, into);
    command->footer(
        "Examples: weft sched nice-ladder --policy all --html sched.html\n"
        "          weft sched --live\n"
        "How to write a workload, and what is simulated: docs/scheduler.md, weft(1).");
    return command;
}

int run_sched_command(const sched_options& options) {
    if (!options.print.empty()) {
        return print_bundled(options.print);
    }
    if (options.list || (options.workload.empty() && !options.live)) {
        return print(STDOUT_FILENO,
                     sim::list_of_workloads(style_of(STDOUT_FILENO, sim::narrowest_page)))
                   ? 0
                   : status_failed;
    }
    if (options.json_path == "-" && options.trace_path == "-") {
        return complain("--json and --trace cannot both go to standard output", status_usage);
    }
    auto read = workload_from(options.workload.empty() ? "nice-ladder" : options.workload);
    if (!read) {
        return complain(read.error());
    }
    auto work = adjusted(std::move(*read), options);
    if (!work) {
        return complain(work.error());
    }
    return options.live ? run_sched_live(std::move(*work), options)
                        : run_simulation(std::move(*work), options);
}

}  // namespace weft::cli
