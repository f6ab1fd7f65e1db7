// SPDX-License-Identifier: Apache-2.0
//
// Options of weft's subcommands and the checks of their values, so that the same text means the
// same, and is refused in the same words, wherever it may be typed. One thread, before the run.
//
// CLI11's own checks are not used: its Range lets NaN pass, and it knows no sizes.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

namespace weft::lab {

/// "64", "64k", "1M": powers of 1024. The error is a sentence, as are those that follow.
std::expected<std::uint64_t, std::string> parse_size(std::string_view text);

std::expected<std::uint64_t, std::string> count_within(std::string_view text, std::uint64_t least,
                                                       std::uint64_t most);
std::expected<std::uint64_t, std::string> size_within(std::string_view text, std::uint64_t least,
                                                      std::uint64_t most);
/// Finite numbers only.
std::expected<double, std::string> real_within(std::string_view text, double least, double most);

/// Whether a report can be written there, found out before anything is measured.
std::expected<void, std::string> check_report_path(const std::string& path);

/// A file that can be written; "-" is no such file.
std::expected<std::string, std::string> report_path_from(const std::string& path);
/// The same, or "-".
std::expected<std::string, std::string> report_path_or_stdout(const std::string& path);

/// An option whose text `parse` turns into a value, or into a sentence for the user, which is
/// thrown as a CLI::ValidationError.
template <class Value, class Parse>
CLI::Option* add_option(CLI::App& command, const std::string& name, Value& into,
                        const std::string& help, const std::string& type, Parse parse) {
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

}  // namespace weft::lab
