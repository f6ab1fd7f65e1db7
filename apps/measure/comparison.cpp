// SPDX-License-Identifier: Apache-2.0
#include "comparison.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <map>
#include <optional>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "figure_text.h"
#include "measurement.h"
#include "report_data.h"

namespace weft::measure {

namespace {

using nlohmann::json;

struct figure_in {
    std::string what;
    lab::unit unit;
    std::string axis;
    lab::unit axis_unit;
    std::vector<std::string> places;
    std::map<double, std::pair<summary, bool>> points;  // and whether it is doubtful
};

std::optional<lab::unit> unit_named(std::string_view name) {
    for (const auto unit : {lab::unit::bytes, lab::unit::per_second, lab::unit::microseconds,
                            lab::unit::nanoseconds, lab::unit::percent, lab::unit::plain}) {
        if (name_of_unit(unit) == name) {
            return unit;
        }
    }
    return std::nullopt;
}

std::map<std::string, figure_in> figures_of(const json& document) {
    std::map<std::string, figure_in> figures;
    for (const json& one : document.at("figures")) {
        const auto unit = unit_named(one.at("unit").get<std::string>());
        const auto axis_unit = unit_named(one.value("axis_unit", "plain"));
        if (!unit || !axis_unit) {
            continue;  // of a later version
        }
        figure_in& into = figures[one.at("id").get<std::string>()];
        into = {.what = one.at("what").get<std::string>(),
                .unit = *unit,
                .axis = one.value("axis", ""),
                .axis_unit = *axis_unit,
                .places = one.value("places", std::vector<std::string>{}),
                .points = {}};
        for (const json& point : one.at("points")) {
            summary value;
            value.median = point.at("median").get<double>();
            value.low = point.at("low").get<double>();
            value.high = point.at("high").get<double>();
            into.points[point.at("at").get<double>()] = {value, point.at("doubtful").get<bool>()};
        }
    }
    return figures;
}

std::string name_of_run(const json& document) {
    const json& machine = document.at("machine");
    return fmt::format("{}, {} cores, Linux {}, weft {}, {}",
                       machine.at("cpu_model").get<std::string>(),
                       machine.at("cores").get<unsigned>(), machine.at("kernel").get<std::string>(),
                       document.at("run").at("weft_version").get<std::string>(),
                       document.at("run").at("started_at").get<std::string>());
}

std::string difference_of(const compared_point& point) {
    if (!point.differs() || point.ratio() == 0) {
        return "alike";
    }
    const double ratio = point.ratio();
    return ratio >= 1 ? fmt::format("{:.2f}x", ratio) : fmt::format("1/{:.2f}", 1 / ratio);
}

}  // namespace

double compared_point::ratio() const noexcept {
    return first.median != 0 ? second.median / first.median : 0;
}

bool compared_point::differs() const noexcept {
    return first.high < second.low || second.high < first.low;
}

std::expected<comparison, std::string> compare(const json& first, const json& second) {
    try {
        for (const json* const one : {&first, &second}) {
            if (one->at("schema_version").get<int>() != schema_version) {
                return std::unexpected("it was written by another version of weft measure");
            }
        }
        comparison both{.first_name = name_of_run(first),
                        .second_name = name_of_run(second),
                        .points = {},
                        .only_first = {},
                        .only_second = {}};
        const auto of_first = figures_of(first);
        const auto of_second = figures_of(second);
        for (const auto& [id, figure] : of_first) {
            const auto other = of_second.find(id);
            if (other == of_second.end()) {
                both.only_first.push_back(id);
                continue;
            }
            for (const auto& [at, value] : figure.points) {
                if (const auto match = other->second.points.find(at);
                    match != other->second.points.end()) {
                    both.points.push_back(
                        {.figure = id,
                         .what = figure.what,
                         .unit = figure.unit,
                         .at = at,
                         .place = figure.axis.empty()
                                      ? std::string()
                                      : place_text(at, figure.axis_unit, figure.places),
                         .is_named = !figure.places.empty(),
                         .first = value.first,
                         .second = match->second.first,
                         .doubtful = value.second || match->second.second});
                }
            }
        }
        for (const auto& [id, figure] : of_second) {
            if (!of_first.contains(id)) {
                both.only_second.push_back(id);
            }
        }
        return both;
    } catch (const json::exception& error) {
        return std::unexpected(fmt::format("no results of weft measure: {}", error.what()));
    }
}

std::string report_of(const comparison& both) {
    std::string out;
    const auto add = [&out]<class... Args>(fmt::format_string<Args...> text, Args&&... args) {
        fmt::format_to(std::back_inserter(out), text, std::forward<Args>(args)...);
        out += '\n';
    };
    add("A  {}", lab::printable(both.first_name));
    add("B  {}\n", lab::printable(both.second_name));
    add("{:<40}{:>19}{:>19}{:>14}", "", "A", "B", "B to A");
    for (const compared_point& point : both.points) {
        std::string label = lab::printable(point.figure);
        if (!point.place.empty()) {
            label += ", " + lab::printable(point.place);
        }
        add("{:<40}{:>19}{:>19}{:>14}{}", label.substr(0, 39),
            with_interval(point.first, point.unit), with_interval(point.second, point.unit),
            difference_of(point), point.doubtful ? " (?)" : "");
    }
    const auto different = std::ranges::count_if(both.points, &compared_point::differs);
    add("\n{} of {} figures differ: their intervals of 95 % have nothing in common. (?): a machine "
        "was disturbed.",
        different, both.points.size());
    for (const auto& [name, list] :
         {std::pair("A", &both.only_first), std::pair("B", &both.only_second)}) {
        if (!list->empty()) {
            add("only in {}: {}", name, lab::printable(fmt::format("{}", fmt::join(*list, ", "))));
        }
    }
    return out;
}

json to_json(const comparison& both) {
    json points = json::array();
    for (const compared_point& point : both.points) {
        points.push_back({{"figure", point.figure},
                          {"at", point.at},
                          {"unit", name_of_unit(point.unit)},
                          {"first", point.first.median},
                          {"second", point.second.median},
                          {"ratio", point.ratio()},
                          {"differs", point.differs()},
                          {"named", point.is_named},
                          {"doubtful", point.doubtful}});
    }
    return {{"schema_version", schema_version}, {"first", both.first_name},
            {"second", both.second_name},       {"points", std::move(points)},
            {"only_first", both.only_first},    {"only_second", both.only_second}};
}

}  // namespace weft::measure
