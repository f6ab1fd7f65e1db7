// SPDX-License-Identifier: Apache-2.0
#include "measurement.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace weft::measure {

namespace {

template <class List, class Member>
auto find_named(const List& list, Member member, std::string_view name) ->
    typename List::const_pointer {
    const auto found = std::ranges::find(list, name, member);
    return found == list.end() ? nullptr : &*found;
}

}  // namespace

std::string_view name_of(probe_state state) noexcept {
    constexpr std::array<std::string_view, 4> names{"ok", "skipped", "failed", "interrupted"};
    return names[static_cast<std::size_t>(state)];
}

measured_figure figure_of(const figure_info& info, std::string_view probe) {
    return {.id = std::string(info.id),
            .what = std::string(info.what),
            .unit = info.unit,
            .axis = std::string(info.axis),
            .axis_unit = info.axis_unit,
            .places = {info.places.begin(), info.places.end()},
            .probe = std::string(probe)};
}

const measured_figure* find_figure(const measurement& all, std::string_view id) {
    return find_named(all.figures, &measured_figure::id, id);
}

const probe_outcome* find_outcome(const measurement& all, std::string_view probe) {
    return find_named(all.probes, &probe_outcome::name, probe);
}

const std::string* find_fact(const measurement& all, std::string_view name) {
    const fact* const found = find_named(all.facts, &fact::name, name);
    return found != nullptr ? &found->text : nullptr;
}

const figure_point* point_near(const measurement& all, std::string_view id, double at) {
    const measured_figure* const figure = find_figure(all, id);
    if (figure == nullptr || figure->points.empty()) {
        return nullptr;
    }
    const auto distance = [at](const figure_point& point) {
        return std::abs(std::log2(1 + point.at) - std::log2(1 + at));
    };
    return &*std::ranges::min_element(figure->points, {}, distance);
}

std::optional<double> median_near(const measurement& all, std::string_view id, double at) {
    const figure_point* const point = point_near(all, id, at);
    return point != nullptr ? std::optional(point->value.median) : std::nullopt;
}

}  // namespace weft::measure
