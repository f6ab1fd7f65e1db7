// SPDX-License-Identifier: Apache-2.0
#include "status/exposition.h"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace weft::pool {

namespace {

// Each second bucket of a latency_histogram: its bounds are powers of two, in microseconds.
constexpr std::size_t first_bound = 12;
constexpr std::size_t last_bound = 52;

std::string_view word_of(exposition::kind what) {
    switch (what) {
        case exposition::kind::counter:
            return "counter";
        case exposition::kind::gauge:
            return "gauge";
        case exposition::kind::histogram:
            break;
    }
    return "histogram";
}

/// Names that clients choose need not be UTF-8, a label's value must.
std::string valid_utf8(const std::string& text) {
    if (std::ranges::none_of(text, [](char c) { return (c & 0x80) != 0; })) {
        return text;
    }
    using json = nlohmann::json;
    return json::parse(json(text).dump(-1, ' ', false, json::error_handler_t::replace))
        .get<std::string>();
}

void append_escaped(std::string& to, std::string_view value) {
    for (const char c : value) {
        if (c == '\n') {
            to += "\\n";
            continue;
        }
        if (c == '\\' || c == '"') {
            to += '\\';
        }
        to += c;
    }
}

}  // namespace

void exposition::family(std::string_view name, kind what, std::string_view about) {
    name_ = name;
    fmt::format_to(std::back_inserter(text_), "# HELP {0} {1}\n# TYPE {0} {2}\n", name, about,
                   word_of(what));
}

void exposition::line(std::string_view suffix, const metric_labels& labels, std::string_view bound,
                      std::string_view number) {
    text_.append(name_).append(suffix);
    char before = '{';
    const auto add = [&](std::string_view name, std::string_view value) {
        text_ += std::exchange(before, ',');
        text_.append(name).append("=\"");
        append_escaped(text_, value);
        text_ += '"';
    };
    for (const auto& [name, value] : labels) {
        add(name, valid_utf8(value));
    }
    if (!bound.empty()) {
        add("le", bound);
    }
    if (before != '{') {
        text_ += '}';
    }
    text_.append(" ").append(number) += '\n';
}

void exposition::value(const metric_labels& labels, std::uint64_t number) {
    line({}, labels, {}, std::to_string(number));
}

void exposition::value(const metric_labels& labels, double number) {
    line({}, labels, {}, fmt::format("{}", number));
}

void exposition::value(const metric_labels& labels, const latency_histogram& of) {
    std::uint64_t so_far = 0;
    for (std::size_t i = 0; i < latency_histogram::buckets; ++i) {
        so_far += of.in_bucket(i);
        if (i >= first_bound && i <= last_bound && i % 2 == 0) {
            const double bound = static_cast<double>(latency_histogram::upper_ns(i)) / 1e9;
            line("_bucket", labels, fmt::format("{}", bound), std::to_string(so_far));
        }
    }
    // The buckets' own sum: in a histogram all must agree.
    line("_bucket", labels, "+Inf", std::to_string(so_far));
    line("_sum", labels, {}, fmt::format("{}", static_cast<double>(of.sum_ns()) / 1e9));
    line("_count", labels, {}, std::to_string(so_far));
}

}  // namespace weft::pool
