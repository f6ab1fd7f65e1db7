// SPDX-License-Identifier: Apache-2.0
#include "workload_reader.h"

#include <algorithm>

#include <fmt/format.h>

namespace weft::sim {

namespace {

/// What a message may quote of a file: it must not move a terminal's cursor, nor fill its screen.
std::string in_quotes(std::string_view text) {
    constexpr std::size_t most = 40;
    std::string shown(text.substr(0, most));
    std::ranges::replace_if(
        shown, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, '?');
    return fmt::format("'{}{}'", shown, text.size() > most ? "..." : "");
}

bool is_plain(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

}  // namespace

bool is_name(std::string_view text) {
    return !text.empty() && text.size() <= longest_name && is_plain(text.front()) &&
           std::ranges::all_of(
               text, [](char c) { return is_plain(c) || c == '.' || c == '_' || c == '-'; });
}

void workload_reader::fail(const toml::source_region& at, std::string_view what) {
    if (error_.empty()) {
        error_ = fmt::format("{}:{}:{}: {}", file_, at.begin.line, at.begin.column, what);
    }
}

void workload_reader::only(const toml::table& in, std::span<const std::string_view> keys) {
    // A table is sorted by its keys; the reader of the message wants the first one in the file.
    const toml::key* first = nullptr;
    for (const auto& [key, value] : in) {
        const bool known = std::ranges::find(keys, key.str()) != keys.end();
        if (!known && (first == nullptr || key.source().begin < first->source().begin)) {
            first = &key;
        }
    }
    if (first != nullptr) {
        fail(first->source(), fmt::format("unknown key {}; known here: {}", in_quotes(first->str()),
                                          fmt::join(keys, ", ")));
    }
}

void workload_reader::text(const toml::table& in, std::string_view key, std::string& into,
                           std::size_t most) {
    const toml::node* const node = in.get(key);
    if (node == nullptr) {
        return;
    }
    const auto* const value = node->as_string();
    if (value == nullptr) {
        fail(node->source(), fmt::format("{} must be a text in quotation marks", key));
        return;
    }
    const std::string& read = value->get();
    if (read.size() > most || std::ranges::any_of(read, [](char c) {
            return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
        })) {
        fail(node->source(),
             fmt::format("{} must be one line of at most {} characters", key, most));
        return;
    }
    into = read;
}

std::optional<std::int64_t> workload_reader::number_of(const toml::table& in, std::string_view key,
                                                       std::int64_t least, std::int64_t most) {
    const toml::node* const node = in.get(key);
    if (node == nullptr) {
        return std::nullopt;
    }
    const auto* const value = node->as_integer();
    if (value == nullptr) {
        fail(node->source(), fmt::format("{} must be a whole number", key));
        return std::nullopt;
    }
    if (value->get() < least || value->get() > most) {
        fail(node->source(),
             fmt::format("{}: {} is not from {} to {}", key, value->get(), least, most));
        return std::nullopt;
    }
    return value->get();
}

std::optional<nanoseconds> workload_reader::duration_of(const toml::node& node,
                                                        std::string_view key, bounds within) {
    const auto* const value = node.as_string();
    if (value == nullptr) {
        fail(node.source(),
             fmt::format("{} must be a time in quotation marks, as in \"1.5 ms\"", key));
        return std::nullopt;
    }
    const auto read = parse_duration(value->get());
    if (!read) {
        fail(node.source(),
             fmt::format("{}: {} is no time, as in \"1.5 ms\" (units: ns, us, ms, s)", key,
                         in_quotes(value->get())));
        return std::nullopt;
    }
    if (*read < within.least || *read > within.most) {
        fail(node.source(), fmt::format("{}: {} is not from {} to {}", key, in_quotes(value->get()),
                                        text_of(within.least), text_of(within.most)));
        return std::nullopt;
    }
    return read;
}

void workload_reader::duration(const toml::table& in, std::string_view key, nanoseconds& into,
                               bounds within) {
    std::optional<nanoseconds> read;
    duration(in, key, read, within);
    into = read.value_or(into);
}

void workload_reader::duration(const toml::table& in, std::string_view key,
                               std::optional<nanoseconds>& into, bounds within) {
    if (const toml::node* const node = in.get(key)) {
        into = duration_of(*node, key, within);
    }
}

void workload_reader::drawn(const toml::table& in, std::string_view key,
                            std::optional<length>& into, bounds within) {
    const toml::node* const node = in.get(key);
    if (node == nullptr) {
        return;
    }
    const toml::table* const table = node->as_table();
    if (table == nullptr) {
        if (const auto fixed = duration_of(*node, key, within)) {
            into = length{.drawn = length::kind::fixed, .low = *fixed, .high = *fixed};
        }
        return;
    }
    constexpr std::string_view kinds[]{"uniform", "exponential"};
    only(*table, kinds);
    const toml::node* const uniform = table->get("uniform");
    const toml::node* const exponential = table->get("exponential");
    if ((uniform == nullptr) == (exponential == nullptr)) {
        fail(node->source(),
             fmt::format("{} must be a time, {{ uniform = [\"1 ms\", \"3 ms\"] }} or "
                         "{{ exponential = \"2 ms\" }}",
                         key));
        return;
    }
    if (exponential != nullptr) {
        if (const auto mean = duration_of(*exponential, key, within)) {
            into = length{.drawn = length::kind::exponential, .low = *mean, .high = *mean};
        }
        return;
    }
    const toml::array* const ends = uniform->as_array();
    if (ends == nullptr || ends->size() != 2) {
        fail(uniform->source(),
             fmt::format("{}: uniform must be two times, as in [\"1 ms\", \"3 ms\"]", key));
        return;
    }
    const auto low = duration_of(*ends->get(0), key, within);
    const auto high = duration_of(*ends->get(1), key, within);
    if (low && high && *low > *high) {
        fail(uniform->source(), fmt::format("{}: the first time must not be the longer one", key));
    }
    if (low && high) {
        into = length{.drawn = length::kind::uniform, .low = *low, .high = *high};
    }
}

}  // namespace weft::sim
