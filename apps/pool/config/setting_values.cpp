// SPDX-License-Identifier: Apache-2.0
#include "config/setting_values.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace weft::pool {

namespace {

char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v';
}

bool is_control(char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

/// A whole number in C's notation: sign, 0x or 0, digits.
std::optional<std::int64_t> whole_number(std::string_view text) {
    const bool negative = text.starts_with('-');
    if (negative || text.starts_with('+')) {
        text.remove_prefix(1);
    }
    int base = 10;
    if (text.starts_with("0x") || text.starts_with("0X")) {
        base = 16;
        text.remove_prefix(2);
    } else if (text.size() > 1 && text.starts_with('0')) {
        base = 8;
        text.remove_prefix(1);
    }
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
    if (error != std::errc() || end != text.data() + text.size() ||
        number > std::uint64_t{std::numeric_limits<std::int64_t>::max()}) {
        return std::nullopt;
    }
    return negative ? -static_cast<std::int64_t>(number) : static_cast<std::int64_t>(number);
}

std::expected<std::int64_t, std::string> number_within(std::string_view text,
                                                       const value_rules& rules) {
    const auto number = whole_number(text);
    if (!number) {
        return std::unexpected("must be a whole number");
    }
    if (*number < rules.least || *number > rules.most) {
        return rules.how == writing::octal
                   ? std::unexpected(
                         fmt::format("must be from {:#o} to {:#o}", rules.least, rules.most))
                   : std::unexpected(fmt::format("must be from {} to {}", rules.least, rules.most));
    }
    return *number;
}

struct time_unit {
    std::string_view name;
    std::int64_t length;  ///< microseconds
};

constexpr std::array<time_unit, 6> time_units{{{"d", 86'400'000'000},
                                               {"h", 3'600'000'000},
                                               {"min", 60'000'000},
                                               {"s", 1'000'000},
                                               {"ms", 1'000},
                                               {"us", 1}}};

/// No deadline overflows, and doubles hold each microsecond up to it.
constexpr double longest_time = 4e15;

template <class Number>
read_result read_number(std::string_view text, const value_rules& rules, Number& into) {
    const auto number = number_within(text, rules);
    if (!number) {
        return std::unexpected(number.error());
    }
    into = static_cast<Number>(*number);
    return {};
}

/// The versions that one word of a tls_protocols stands for; nothing: it is no such word.
std::optional<tls_protocols> versions_of(std::string_view name) {
    constexpr std::array<std::pair<std::string_view, tls_protocols>, 9> known{{
        {"all", {true, true, true, true}},
        {"legacy", {true, true, true, true}},
        {"tlsv1", {true, true, true, true}},
        {"secure", {false, false, true, true}},
        {"default", {false, false, true, true}},
        {"tlsv1.0", {true, false, false, false}},
        {"tlsv1.1", {false, true, false, false}},
        {"tlsv1.2", {false, false, true, false}},
        {"tlsv1.3", {false, false, false, true}},
    }};
    for (const auto& [word, versions] : known) {
        if (same_word(word, name)) {
            return versions;
        }
    }
    return std::nullopt;
}

std::vector<std::string_view> names_of(const tenant_key& key) {
    std::vector<std::string_view> names;
    for (const auto& [is, name] : {std::pair(key.database, "database"), std::pair(key.user, "user"),
                                   std::pair(key.application_name, "application_name")}) {
        if (is) {
            names.emplace_back(name);
        }
    }
    return names;
}

template <class Texts>
std::string toml_list(const Texts& texts) {
    std::string list = "[";
    for (const auto& text : texts) {
        list += list.size() == 1 ? "" : ", ";
        list += toml_quoted(text);
    }
    return list + "]";
}

}  // namespace

bool same_word(std::string_view a, std::string_view b) noexcept {
    return std::ranges::equal(a, b, {}, lower, lower);
}

std::string_view trimmed(std::string_view text) noexcept {
    while (!text.empty() && is_blank(text.front())) {
        text.remove_prefix(1);
    }
    while (!text.empty() && is_blank(text.back())) {
        text.remove_suffix(1);
    }
    return text;
}

std::vector<std::string> split_list(std::string_view text) {
    std::vector<std::string> parts;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find(','), text.size());
        if (const std::string_view part = trimmed(text.substr(0, end)); !part.empty()) {
            parts.emplace_back(part);
        }
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return parts;
}

bool is_entry_name(std::string_view name) noexcept {
    return !name.empty() && std::ranges::none_of(name, is_control);
}

std::string toml_quoted(std::string_view text) {
    std::string quoted = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') {
            quoted += '\\';
            quoted += c;
        } else if (c == '\n') {
            quoted += "\\n";
        } else if (c == '\t') {
            quoted += "\\t";
        } else if (is_control(c)) {
            quoted += fmt::format("\\u{:04x}", unsigned{static_cast<unsigned char>(c)});
        } else {
            quoted += c;
        }
    }
    return quoted + "\"";
}

std::string printable(std::string_view text) {
    std::string shown(text);
    std::ranges::replace_if(shown, is_control, '?');
    return shown;
}

std::string in_quotes(std::string_view text) {
    constexpr std::size_t most = 60;
    return fmt::format("\"{}{}\"", printable(text.substr(0, most)),
                       text.size() > most ? "..." : "");
}

read_result read_value(std::string_view text, const value_rules& /*rules*/, bool& into) {
    for (const auto& [word, value] :
         {std::pair("true", true), std::pair("false", false), std::pair("yes", true),
          std::pair("no", false), std::pair("on", true), std::pair("off", false)}) {
        if (same_word(word, text)) {
            into = value;
            return {};
        }
    }
    const auto number = whole_number(text);
    if (!number) {
        return std::unexpected("must be 0 or 1");
    }
    into = *number != 0;
    return {};
}

read_result read_value(std::string_view text, const value_rules& rules, int& into) {
    return read_number(text, rules, into);
}

read_result read_value(std::string_view text, const value_rules& rules, std::uint32_t& into) {
    return read_number(text, rules, into);
}

read_result read_value(std::string_view text, const value_rules& rules, microseconds& into) {
    double number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    const std::string_view unit = trimmed(text.substr(static_cast<std::size_t>(end - text.data())));
    std::int64_t length = rules.how == writing::in_milliseconds ? 1'000 : 1'000'000;
    if (!unit.empty()) {
        const auto found = std::ranges::find(time_units, unit, &time_unit::name);
        length = found == time_units.end() ? 0 : found->length;
    }
    if (error != std::errc() || !std::isfinite(number) || number < 0 || length == 0) {
        return std::unexpected(
            rules.how == writing::in_milliseconds
                ? "must be a time: milliseconds, or a number with us, ms, s, min, h or d"
                : "must be a time: seconds, or a number with us, ms, s, min, h or d");
    }
    const double microseconds_of_it = number * static_cast<double>(length);
    if (microseconds_of_it > longest_time) {
        return std::unexpected("must be a time below 126 years");
    }
    const microseconds value(std::llround(microseconds_of_it));
    if (value < microseconds(rules.least)) {
        return std::unexpected("must be longer");
    }
    into = value;
    return {};
}

read_result read_value(std::string_view text, const value_rules& /*rules*/, std::string& into) {
    if (text.contains('\0')) {
        return std::unexpected("must not contain the character 0");
    }
    into = text;
    return {};
}

read_result read_value(std::string_view text, const value_rules& /*rules*/,
                       std::vector<std::string>& into) {
    if (text.contains('\0')) {
        return std::unexpected("must not contain the character 0");
    }
    into = split_list(text);
    return {};
}

read_result read_value(std::string_view text, const value_rules& rules,
                       std::vector<std::uint16_t>& into) {
    std::vector<std::uint16_t> numbers;
    for (const std::string& part : split_list(text)) {
        const auto number = number_within(part, rules);
        if (!number) {
            return std::unexpected(number.error());
        }
        numbers.push_back(static_cast<std::uint16_t>(*number));
    }
    if (numbers.empty()) {
        return std::unexpected("must be a whole number");
    }
    into = std::move(numbers);
    return {};
}

read_result read_value(std::string_view text, const value_rules& /*rules*/, tls_protocols& into) {
    tls_protocols read{false, false, false, false};
    std::string listed(text);
    std::ranges::replace(listed, ':', ',');
    for (const std::string& part : split_list(listed)) {
        const bool allow = !part.starts_with('!');
        const auto versions = versions_of(std::string_view(part).substr(allow ? 0 : 1));
        if (!versions) {
            return std::unexpected(
                "must be secure, all, or some of tlsv1.0, tlsv1.1, tlsv1.2, tlsv1.3");
        }
        for (bool tls_protocols::* const version : {&tls_protocols::v1_0, &tls_protocols::v1_1,
                                                    &tls_protocols::v1_2, &tls_protocols::v1_3}) {
            if ((*versions).*version) {
                read.*version = allow;
            }
        }
    }
    if (!read.v1_2 && !read.v1_3) {
        return std::unexpected("must allow tlsv1.2 or tlsv1.3: older versions are not spoken");
    }
    into = read;
    return {};
}

read_result read_value(std::string_view text, const value_rules& /*rules*/, tenant_key& into) {
    tenant_key read{false, false, false};
    for (const std::string& part : split_list(text)) {
        bool tenant_key::* const named = same_word(part, "database") ? &tenant_key::database
                                         : same_word(part, "user")   ? &tenant_key::user
                                         : same_word(part, "application_name")
                                             ? &tenant_key::application_name
                                             : nullptr;
        if (named == nullptr) {
            return std::unexpected("must be some of database, user, application_name");
        }
        read.*named = true;
    }
    if (read == tenant_key{false, false, false}) {
        return std::unexpected("must be some of database, user, application_name");
    }
    into = read;
    return {};
}

std::string plain_text(bool value, const value_rules& /*rules*/) {
    return value ? "1" : "0";
}

std::string plain_text(int value, const value_rules& rules) {
    return rules.how == writing::octal ? fmt::format("0{:o}", value) : fmt::format("{}", value);
}

std::string plain_text(std::uint32_t value, const value_rules& /*rules*/) {
    return fmt::format("{}", value);
}

std::string plain_text(microseconds value, const value_rules& rules) {
    const double unit = rules.how == writing::in_milliseconds ? 1e3 : 1e6;
    return fmt::format("{}", static_cast<double>(value.count()) / unit);
}

std::string plain_text(const std::string& value, const value_rules& /*rules*/) {
    return value;
}

std::string plain_text(const std::vector<std::string>& value, const value_rules& /*rules*/) {
    return fmt::format("{}", fmt::join(value, ","));
}

std::string plain_text(const std::vector<std::uint16_t>& value, const value_rules& /*rules*/) {
    return fmt::format("{}", fmt::join(value, ","));
}

std::string plain_text(const tls_protocols& value, const value_rules& /*rules*/) {
    if (value == tls_protocols{}) {
        return "secure";
    }
    std::vector<std::string_view> names;
    for (const auto& [is, name] :
         {std::pair(value.v1_0, "tlsv1.0"), std::pair(value.v1_1, "tlsv1.1"),
          std::pair(value.v1_2, "tlsv1.2"), std::pair(value.v1_3, "tlsv1.3")}) {
        if (is) {
            names.emplace_back(name);
        }
    }
    return names.size() == 4 ? "all" : fmt::format("{}", fmt::join(names, ","));
}

std::string plain_text(const tenant_key& value, const value_rules& /*rules*/) {
    return fmt::format("{}", fmt::join(names_of(value), ","));
}

std::string toml_text(bool value, const value_rules& /*rules*/) {
    return value ? "true" : "false";
}

std::string toml_text(int value, const value_rules& rules) {
    return rules.how == writing::octal ? fmt::format("0o{:o}", value) : fmt::format("{}", value);
}

std::string toml_text(std::uint32_t value, const value_rules& /*rules*/) {
    return fmt::format("{}", value);
}

std::string toml_text(microseconds value, const value_rules& /*rules*/) {
    for (const std::string_view name : {"s", "ms", "us"}) {
        const std::int64_t length = std::ranges::find(time_units, name, &time_unit::name)->length;
        if (value.count() % length == 0) {
            return fmt::format("\"{}{}\"", value.count() / length, name);
        }
    }
    std::unreachable();
}

std::string toml_text(const std::string& value, const value_rules& /*rules*/) {
    return toml_quoted(value);
}

std::string toml_text(const std::vector<std::string>& value, const value_rules& /*rules*/) {
    return toml_list(value);
}

std::string toml_text(const std::vector<std::uint16_t>& value, const value_rules& /*rules*/) {
    return value.size() == 1 ? fmt::format("{}", value.front())
                             : fmt::format("[{}]", fmt::join(value, ", "));
}

std::string toml_text(const tls_protocols& value, const value_rules& rules) {
    return toml_quoted(plain_text(value, rules));
}

std::string toml_text(const tenant_key& value, const value_rules& /*rules*/) {
    return toml_list(names_of(value));
}

}  // namespace weft::pool
