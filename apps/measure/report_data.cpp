// SPDX-License-Identifier: Apache-2.0
#include "report_data.h"

#include <array>
#include <iterator>
#include <string_view>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "claims.h"
#include "findings_json.h"

namespace weft::measure {

namespace {

using nlohmann::json;

json json_of(const lab::machine& machine) {
    json limits = json::object();
    for (const lab::limit& one : machine.limits) {
        limits[one.name] = one.value;
    }
    return {{"kernel", machine.kernel},         {"cpu_model", machine.cpu_model},
            {"cores", machine.cores},           {"memory_bytes", machine.memory_bytes},
            {"hypervisor", machine.hypervisor}, {"compiler", machine.compiler},
            {"limits", std::move(limits)}};
}

json json_of(const figure_point& point) {
    const summary& value = point.value;
    return {{"at", point.at},
            {"median", value.median},
            {"low", value.low},
            {"high", value.high},
            {"p99", value.p99},
            {"samples", value.samples},
            {"rounds", value.rounds},
            {"mild_outliers", value.mild_outliers},
            {"severe_outliers", value.severe_outliers},
            {"doubtful", point.doubtful}};
}

json json_of(const growth& grows) {
    json out{{"law", name_of(grows.law)}, {"order", order_of(grows.law)},
             {"at_zero", grows.at_zero},  {"factor", grows.factor},
             {"scatter", grows.scatter},  {"times", grows.times},
             {"range", grows.range},      {"reason", grows.reason}};
    if (grows.or_else) {
        out["or_else"] = name_of(*grows.or_else);
    }
    if (grows.exponent) {
        out["exponent"] = {
            {"value", *grows.exponent}, {"low", grows.exponent_low}, {"high", grows.exponent_high}};
    }
    return out;
}

json json_of(const measured_figure& figure) {
    json points = json::array();
    for (const figure_point& point : figure.points) {
        points.push_back(json_of(point));
    }
    json out{{"id", figure.id},
             {"what", figure.what},
             {"unit", name_of_unit(figure.unit)},
             {"probe", figure.probe},
             {"points", std::move(points)}};
    if (!figure.axis.empty()) {
        out["axis"] = figure.axis;
        out["axis_unit"] = name_of_unit(figure.axis_unit);
    }
    if (!figure.places.empty()) {
        out["places"] = figure.places;
    }
    if (figure.grows) {
        out["growth"] = json_of(*figure.grows);
    }
    return out;
}

json json_of(const probe_outcome& outcome) {
    return {{"name", outcome.name},
            {"state", name_of(outcome.state)},
            {"reason", outcome.reason},
            {"lift", outcome.lift},
            {"rounds", outcome.rounds},
            {"seconds", outcome.seconds},
            {"steal_percent", outcome.heard.steal_percent},
            {"foreign_percent", outcome.heard.foreign_percent},
            {"disturbances", outcome.disturbances}};
}

json json_of(const claim_line& line) {
    return {{"id", line.id},
            {"subject", line.subject},
            {"claimed", line.claimed},
            {"measured", line.measured},
            {"conclusion", line.conclusion},
            {"mark", line.mark ? json(lab::name_of(*line.mark)) : json()},
            {"doubtful", line.doubtful}};
}

template <class List>
json list_of(const List& list) {
    json out = json::array();
    for (const auto& one : list) {
        out.push_back(json_of(one));
    }
    return out;
}

/// A field of CSV (RFC 4180).
std::string csv_field(std::string_view text) {
    if (text.find_first_of(",\"\n") == std::string_view::npos) {
        return std::string(text);
    }
    std::string out = "\"";
    for (const char c : text) {
        out += c;
        if (c == '"') {
            out += '"';
        }
    }
    return out + '"';
}

}  // namespace

std::string_view name_of_unit(lab::unit unit) noexcept {
    constexpr std::array<std::string_view, 6> names{"bytes",       "per_second", "microseconds",
                                                    "nanoseconds", "percent",    "plain"};
    return names[static_cast<std::size_t>(unit)];
}

json to_json(const measurement& all) {
    json facts = json::object();
    for (const fact& one : all.facts) {
        facts[one.name] = one.text;
    }
    return {{"schema_version", schema_version},
            {"run",
             {{"started_at", all.started_at},
              {"weft_version", all.weft_version},
              {"command_line", all.command_line},
              {"seed", all.seed},
              {"rounds", all.rounds},
              {"quick", all.quick},
              {"interrupted", all.interrupted},
              {"seconds", all.seconds}}},
            {"machine", json_of(all.machine)},
            {"claims", list_of(claims_of(all))},
            {"figures", list_of(all.figures)},
            {"probes", list_of(all.probes)},
            {"facts", std::move(facts)},
            {"map", as_json(all.map)}};
}

std::string report_as_json(const measurement& all) {
    return to_json(all).dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

std::string report_as_csv(const measurement& all) {
    std::string out = "figure,what,unit,axis,at,median,low,high,p99,samples,rounds,doubtful\n";
    for (const measured_figure& figure : all.figures) {
        for (const figure_point& point : figure.points) {
            const summary& value = point.value;
            fmt::format_to(std::back_inserter(out), "{},{},{},{},{},{},{},{},{},{},{},{}\n",
                           figure.id, csv_field(figure.what), name_of_unit(figure.unit),
                           csv_field(figure.axis), point.at, value.median, value.low, value.high,
                           value.p99, value.samples, value.rounds, point.doubtful);
        }
    }
    return out;
}

}  // namespace weft::measure
