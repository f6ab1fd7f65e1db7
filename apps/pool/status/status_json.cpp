// SPDX-License-Identifier: Apache-2.0
#include "status/status_json.h"

#include <algorithm>
#include <charconv>
#include <chrono>

#include <nlohmann/json.hpp>

namespace weft::pool {

namespace {

using nlohmann::json;

// Those that do not exist are left out.
constexpr std::string_view shown_tables[] = {"pools",   "fairness", "waits",
                                             "holders", "pins",     "stats_averages"};

/// Who may look at the console may see what clients have sent. Here nobody is asked who they are,
/// and there may be secrets in it: shown only if status_statements says so.
constexpr std::string_view kept_back = "statement";

/// Texts of numbers come from std::to_string and the like.
template <class Number>
json number_in(const std::string& text) {
    Number value{};
    (void)std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

json value_of(std::uint32_t kind, const cell& value) {
    if (!value) {
        return nullptr;
    }
    switch (kind) {
        case type::int4:
        case type::int8:
            return number_in<std::int64_t>(*value);
        case type::numeric:
            return number_in<std::uint64_t>(*value);
        case type::float8:
            return number_in<double>(*value);
        default:
            return *value;
    }
}

json as_json(const show_table& table, const console_view& of) {
    const bool with_statements = of.of.config()->config.general.status_statements;
    const std::vector<table_row> rows = table.rows(of);
    json shown = json::array();
    for (std::size_t i = 0; i < std::min(rows.size(), most_status_rows); ++i) {
        json& line = shown.emplace_back(json::object());
        for (std::size_t k = 0; k < table.columns.size(); ++k) {
            if (with_statements || table.columns[k].name != kept_back) {
                line[table.columns[k].name] = value_of(table.columns[k].type, rows[i][k]);
            }
        }
    }
    return {{"count", rows.size()}, {"rows", std::move(shown)}};
}

std::string_view state_of(const pooler& of) {
    if (of.refusing()) {
        return "shutting down";
    }
    switch (of.off.state_of({})) {
        case switches::mode::active:
            break;
        case switches::mode::paused:
            return "paused";
        case switches::mode::suspended:
            return "suspended";
    }
    return of.off.any_paused() ? "some databases are paused" : "active";
}

}  // namespace

std::string status_json(const console_view& of, std::string_view version) {
    const auto up = std::chrono::duration_cast<seconds>(clock::now() - of.of.started).count();
    json out = {{"version", version},
                {"uptime_s", up},
                {"state", state_of(of.of)},
                {"connections", of.of.connections.load()},
                {"max_connections", of.of.config()->config.general.max_client_conn},
                {"logins", of.of.logins.load()}};
    json& tables = out["tables"] = json::object();
    for (const std::string_view name : shown_tables) {
        if (const show_table* const found = find_table(name)) {
            tables[name] = as_json(*found, of);
        }
    }
    return out.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace weft::pool
