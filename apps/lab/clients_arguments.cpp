// SPDX-License-Identifier: Apache-2.0
#include "clients_arguments.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <system_error>
#include <utility>

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

namespace weft::lab {

namespace {

constexpr std::uint64_t smallest_stack = std::uint64_t{16} * 1024;
constexpr std::uint64_t largest_stack = std::uint64_t{1} << 30;
constexpr std::uint64_t most_workers = 1024;
constexpr double highest_rate = 1e9;
constexpr double shortest_duration_seconds = 0.1;

/// Whole text as a number; nothing for anything else, also for blanks and signs that do not belong.
template <class Number>
std::optional<Number> number_of(std::string_view text) {
    Number value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() || text.empty()) {
        return std::nullopt;
    }
    return value;
}

std::expected<std::uint64_t, std::string> count_within(std::string_view text, std::uint64_t least,
                                                       std::uint64_t most) {
    const auto value = number_of<std::uint64_t>(text);
    if (!value || *value < least || *value > most) {
        return std::unexpected(
            fmt::format("'{}' is no whole number from {} to {}", text, least, most));
    }
    return *value;
}

std::expected<std::uint64_t, std::string> size_within(std::string_view text, std::uint64_t least,
                                                      std::uint64_t most) {
    const auto value = parse_size(text);
    if (value && (*value < least || *value > most)) {
        return std::unexpected(fmt::format("'{}' is not from {} to {} bytes", text, least, most));
    }
    return value;
}

std::expected<double, std::string> real_within(std::string_view text, double least, double most) {
    const auto value = number_of<double>(text);
    if (!value || !std::isfinite(*value) || *value < least || *value > most) {
        return std::unexpected(fmt::format("'{}' is no number from {} to {}", text, least, most));
    }
    return *value;
}

std::expected<poison_kind, std::string> poison_from(std::string_view text) {
    const auto kind = parse_poison(text);
    if (!kind || *kind == poison_kind::none) {
        return std::unexpected(fmt::format("no poison '{}': crash, overflow, abort or leak", text));
    }
    return *kind;
}

std::expected<std::string, std::string> report_path_from(const std::string& path) {
    if (auto writable = check_report_path(path); !writable) {
        return std::unexpected(std::move(writable.error()));
    }
    return path;
}

/// An option whose text `parse` turns into a value, or into a sentence for the user.
template <class Value, class Parse>
CLI::Option* add(CLI::App& command, const std::string& name, Value& into, const std::string& help,
                 const std::string& type, Parse parse) {
    const auto take = [&into, name, parse](const std::string& text) {
        const auto value = parse(text);
        if (!value) {
            throw CLI::ValidationError(name, value.error());
        }
        into = static_cast<Value>(*value);
    };
    return command.add_option_function<std::string>(name, take, help)->type_name(type);
}

/// A parse function with its bounds.
template <class Number, class Parse>
auto within(Parse parse, Number least, Number most) {
    return [parse, least, most](const std::string& text) { return parse(text, least, most); };
}

void add_load_options(CLI::App& command, clients_options& into) {
    add(command, "--clients", into.clients, "Clients of each model", "N",
        within(count_within, std::uint64_t{1}, most_clients))
        ->default_str(std::to_string(into.clients));
    add(command, "--models", into.models, "Models to run, of process, thread, fiber, coroutine",
        "LIST", parse_models)
        ->default_str("all");
    add(command, "--duration", into.duration_seconds, "Length of each load phase", "SECONDS",
        within(real_within, shortest_duration_seconds, longest_duration_seconds))
        ->default_str(fmt::format("{}", into.duration_seconds));
    add(command, "--message-size", into.message_size, "Length of a request and of its answer",
        "BYTES",
        within(size_within, std::uint64_t{message_header_size}, std::uint64_t{largest_message}))
        ->default_str(std::to_string(into.message_size));
    add(command, "--handler", into.what,
        "What the server does with a request: echo, compute:US, sleep:US or alloc:KB", "WORK",
        parse_work)
        ->default_str("echo");
    add(command, "--rate", into.rate,
        "Requests per second of the open loop (default: half of what the slowest model reached)",
        "N", within(real_within, 1.0, highest_rate));
    add(command, "--seed", into.seed, "Seed of the order of models and requests", "N",
        within(count_within, std::uint64_t{0}, std::numeric_limits<std::uint64_t>::max()))
        ->default_str(std::to_string(into.seed));
    add(command, "--repeat", into.repeats, "Repeat everything, report medians and spread", "N",
        within(count_within, std::uint64_t{1}, std::uint64_t{most_repeats}))
        ->default_str(std::to_string(into.repeats));
    add(command, "--poison", into.poison,
        "Instead of the load: one client in a thousand trips this bug in the handler: crash, "
        "overflow, abort or leak",
        "KIND", poison_from);
}

void add_server_options(CLI::App& command, clients_options& into) {
    add(command, "--workers", into.workers,
        "Kernel threads of the fiber and coroutine servers (default: one per CPU)", "N",
        within(count_within, std::uint64_t{1}, most_workers));
    add(command, "--thread-stack", into.thread_stack,
        "Stack of a thread (default: the system's, see ulimit -s)", "BYTES",
        within(size_within, smallest_stack, largest_stack));
    add(command, "--fiber-stack", into.fiber_stack, "Stack of a fiber (default: 64K)", "BYTES",
        within(size_within, smallest_stack, largest_stack));
}

void add_report_options(CLI::App& command, clients_options& into) {
    add(command, "--json", into.json_path, "Write all results as JSON; - for standard output",
        "FILE", [](const std::string& path) {
            return path == "-" ? std::expected<std::string, std::string>(path)
                               : report_path_from(path);
        });
    add(command, "--html", into.html_path, "Write a report with charts, one file", "FILE",
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
        const auto found =
            std::ranges::find(all_models, name, [](model_id model) { return name_of(model); });
        if (found == all_models.end()) {
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

std::expected<std::uint64_t, std::string> parse_size(std::string_view text) {
    constexpr std::string_view units = "kmg";
    std::string_view digits = text;
    unsigned shift = 0;
    if (!text.empty()) {
        const char last = static_cast<char>(text.back() | 0x20);
        if (const std::size_t unit = units.find(last); unit != std::string_view::npos) {
            shift = 10 * (static_cast<unsigned>(unit) + 1);
            digits.remove_suffix(1);
        }
    }
    const auto value = number_of<std::uint64_t>(digits);
    if (!value || *value > (std::numeric_limits<std::uint64_t>::max() >> shift)) {
        return std::unexpected(fmt::format("'{}' is no size, as in 65536 or 64K", text));
    }
    return *value << shift;
}

std::expected<void, std::string> check_report_path(const std::string& path) {
    const auto refused = [&path](int error) {
        return std::unexpected(
            fmt::format("cannot write '{}': {}", path, std::generic_category().message(error)));
    };
    struct stat status{};
    if (path.empty()) {
        return refused(ENOENT);
    }
    if (::stat(path.c_str(), &status) == 0) {
        if (S_ISDIR(status.st_mode)) {
            return refused(EISDIR);
        }
        if (!S_ISREG(status.st_mode)) {
            return ::access(path.c_str(), W_OK) == 0 ? std::expected<void, std::string>()
                                                     : refused(errno);
        }
    }
    // A plain file is written beside its old version and renamed: the folder counts.
    const std::size_t slash = path.rfind('/');
    const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
    if (::access(folder.c_str(), W_OK | X_OK) != 0) {
        return refused(errno);
    }
    return {};
}

void add_clients_options(CLI::App& command, clients_options& into) {
    add_load_options(command, into);
    add_server_options(command, into);
    add_report_options(command, into);
}

}  // namespace weft::lab
