// SPDX-License-Identifier: Apache-2.0
#include "clients_arguments.h"

#include "option_values.h"

#include <algorithm>
#include <limits>

#include <fmt/format.h>

namespace weft::lab {

namespace {

std::expected<poison_kind, std::string> poison_from(std::string_view text) {
    const auto kind = parse_poison(text);
    if (!kind || *kind == poison_kind::none) {
        return std::unexpected(fmt::format("no poison '{}': crash, overflow, abort or leak", text));
    }
    return *kind;
}

void add_load_options(CLI::App& command, clients_options& into) {
    add_option(command, "--clients", into.clients, "Clients of each model", "N",
               within(count_within, std::uint64_t{1}, most_clients))
        ->default_str(std::to_string(into.clients));
    add_option(command, "--models", into.models,
               "Models to run, of process, thread, fiber, coroutine", "LIST", parse_models)
        ->default_str("all");
    add_option(command, "--duration", into.duration_seconds, "Length of each load phase", "SECONDS",
               within(real_within, shortest_duration_seconds, longest_duration_seconds))
        ->default_str(fmt::format("{}", into.duration_seconds));
    add_option(
        command, "--message-size", into.message_size, "Length of a request and of its answer",
        "BYTES",
        within(size_within, std::uint64_t{message_header_size}, std::uint64_t{largest_message}))
        ->default_str(std::to_string(into.message_size));
    add_option(command, "--handler", into.what,
               "What the server does with a request: echo, compute:US, sleep:US or alloc:KB",
               "WORK", parse_work)
        ->default_str("echo");
    add_option(
        command, "--rate", into.rate,
        "Requests per second of the open loop (default: half of what the slowest model reached)",
        "N", within(real_within, 1.0, highest_rate));
    add_option(command, "--seed", into.seed, "Seed of the order of models and requests", "N",
               within(count_within, std::uint64_t{0}, std::numeric_limits<std::uint64_t>::max()))
        ->default_str(std::to_string(into.seed));
    add_option(command, "--repeat", into.repeats, "Repeat everything, report medians and spread",
               "N", within(count_within, std::uint64_t{1}, std::uint64_t{most_repeats}))
        ->default_str(std::to_string(into.repeats));
    add_option(
        command, "--poison", into.poison,
        "Instead of the load: one client in a thousand trips this bug in the handler: crash, "
        "overflow, abort or leak",
        "KIND", poison_from);
}

void add_server_options(CLI::App& command, clients_options& into) {
    add_option(command, "--workers", into.workers,
               "Kernel threads of each fiber or coroutine server (default: the CPUs, shared out "
               "among the servers)",
               "N", within(count_within, std::uint64_t{1}, most_workers));
    add_option(command, "--thread-stack", into.thread_stack,
               "Stack of a thread (default: the system's, see ulimit -s)", "BYTES",
               within(size_within, smallest_stack, largest_stack));
    add_option(command, "--fiber-stack", into.fiber_stack, "Stack of a fiber (default: 64K)",
               "BYTES", within(size_within, smallest_stack, largest_stack));
}

void add_report_options(CLI::App& command, clients_options& into) {
    add_option(command, "--json", into.json_path,
               "Write all results as JSON; - for standard output", "FILE", report_path_or_stdout);
    add_option(command, "--html", into.html_path, "Write a report with charts, one file", "FILE",
               report_path_from);
}

}  // namespace

std::expected<std::vector<model_id>, std::string> parse_models(std::string_view text) {
    if (text == "all") {
        return std::vector<model_id>(all_models.begin(), all_models.end());
    }
    std::vector<model_id> models;
    for (std::size_t at = 0; at <= text.size();) {
        const std::size_t end = std::min(text.find(',', at), text.size());
        const std::string_view name = text.substr(at, end - at);
        at = end + 1;
        const auto found = model_named(name);
        if (!found) {
            return std::unexpected(
                fmt::format("no model '{}': process, thread, fiber or coroutine", name));
        }
        if (std::ranges::find(models, *found) != models.end()) {
            return std::unexpected(fmt::format("model '{}' is named twice", name));
        }
        models.push_back(*found);
    }
    return models;
}

void add_clients_options(CLI::App& command, clients_options& into) {
    add_load_options(command, into);
    add_server_options(command, into);
    add_report_options(command, into);
}

}  // namespace weft::lab
