// SPDX-License-Identifier: Apache-2.0
#include "report_charts.h"

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "figure_text.h"
#include "report_data.h"

namespace weft::measure {

namespace {

using nlohmann::json;

struct row_of {
    std::string_view figure;
    double at;
    std::string_view label;
    std::string_view tone;
};

constexpr double mebibyte = 1 << 20;
constexpr double large = 2048 * mebibyte;

constexpr std::array cost_rows{
    row_of{"step.registers", 0, "registers of a switch", "fiber"},
    row_of{"step.control_words", 0, "floating-point control words", "fiber"},
    row_of{"switch.fiber.fair", 2, "switch to another fiber", "fiber"},
    row_of{"switch.coroutine", 0, "switch to another coroutine", "coroutine"},
    row_of{"fiber.create", 0, "create, run and join a fiber", "fiber"},
    row_of{"coroutine.create", 0, "create, run and join a coroutine", "coroutine"},
    row_of{"step.simd", 0, "all floating-point and SIMD state", "thread"},
    row_of{"step.system_call", 0, "into the kernel and back", "thread"},
    row_of{"switch.thread", 0, "switch to another thread", "thread"},
    row_of{"switch.process", 0, "switch to another process", "process"},
    row_of{"cow.child", 0, "first write to a page after fork", "process"},
    row_of{"thread.create_join", 0, "create and join a thread", "thread"},
    row_of{"fork.call", mebibyte, "fork() of a small process", "process"},
    row_of{"exec.spawn", mebibyte, "run a program and wait", "process"},
    row_of{"fork.call", large, "fork() of a large process", "process"},
};

constexpr std::array memory_rows{
    row_of{"memory.coroutine", 1e4, "coroutine", "coroutine"},
    row_of{"memory.fiber", 1e4, "fiber", "fiber"},
    row_of{"memory.thread", 1e3, "kernel thread", "thread"},
    row_of{"memory.process", 1e3, "process", "process"},
};

chart ladder_of(const measurement& all, std::string id, std::string title, std::string caption,
                std::span<const row_of> rows) {
    chart out{.id = std::move(id),
              .title = std::move(title),
              .caption = std::move(caption),
              .kind = chart_kind::ladder,
              .unit = {},
              .axis = {},
              .axis_unit = {}};
    for (const row_of& row : rows) {
        const measured_figure* const figure = find_figure(all, row.figure);
        const figure_point* const point = point_near(all, row.figure, row.at);
        if (point == nullptr || point->value.median <= 0) {
            continue;
        }
        out.unit = name_of_unit(figure->unit);
        std::string label(row.label);
        if (figure->axis_unit == lab::unit::bytes && row.at > 0) {
            label += ", " + place_text(point->at, figure->axis_unit);
        }
        out.rows.push_back({.label = std::move(label),
                            .text = figure_text(point->value.median, figure->unit) +
                                    (point->doubtful ? " (?)" : ""),
                            .tone = std::string(row.tone),
                            .value = point->value.median,
                            .low = point->value.low,
                            .high = point->value.high});
    }
    return out;
}

struct curve_of {
    std::string_view figure;
    std::string_view label;
    std::string_view tone;
};

struct curves_of {
    std::string_view id;
    std::string_view title;
    std::string_view caption;
    std::vector<curve_of> curves;
};

std::vector<curves_of> all_curves() {
    return {
        {"fork",
         "fork() by resident memory",
         "It copies page tables: four times the memory takes four times as long, unless its pages "
         "are huge.",
         {{"fork.call", "4 KiB pages", "process"},
          {"fork.huge.call", "huge pages", "kind-1"},
          {"fork.first_word", "until the child speaks", "kind-4"},
          {"zygote.first_word", "through a zygote", "fiber"}}},
        {"exec",
         "Running another program, by the memory of who runs it",
         "vfork() and posix_spawn() copy nothing.",
         {{"exec.fork", "fork and exec", "process"},
          {"exec.vfork", "vfork and exec", "kind-1"},
          {"exec.spawn", "posix_spawn", "fiber"}}},
        {"create",
         "Creating one more, by how many there are",
         "Nothing here should grow.",
         {{"thread.create_join", "thread, created and joined", "thread"},
          {"thread.create", "pthread_create() alone", "kind-4"},
          {"coroutine.create", "coroutine, created, run and joined", "coroutine"},
          {"fiber.create", "fiber, created, run and joined", "fiber"}}},
        {"runnable",
         "A switch, by how many are runnable",
         "What grows is the distance of what is switched to: from the first cache to memory.",
         {{"switch.thread.runnable", "threads", "thread"}, {"switch.fiber", "fibers", "fiber"}}},
        {"working-set",
         "A switch, by the memory that is touched between two",
         "The lowest line is the work alone: what lies above it is the switch, and what caches "
         "lose by it.",
         {{"switch.process", "processes", "process"},
          {"switch.thread", "threads", "thread"},
          {"switch.fiber.working_set", "fibers", "fiber"},
          {"switch.work", "the work alone", "soft"}}},
        {"stack",
         "Memory of a fiber, by the stack that it uses",
         "Stacks are reserved and committed on touch.",
         {{"memory.fiber.by_stack", "a fiber that waits", "fiber"}}},
        {"parked",
         "Memory of one that waits, by how many there are",
         "Private pages, page tables and kernel stacks.",
         {{"memory.process", "process", "process"},
          {"memory.thread", "thread", "thread"},
          {"memory.fiber", "fiber", "fiber"},
          {"memory.coroutine", "coroutine", "coroutine"}}},
    };
}

/// An axis with logarithms has no zero: what was measured there stands a little before the first
/// place.
double place_on_axis(double at, const measured_figure& figure) {
    if (at > 0 || figure.points.size() < 2) {
        return std::max(at, 1.0);
    }
    return figure.points[1].at / 4;
}

chart curves(const measurement& all, const curves_of& wanted) {
    chart out{.id = std::string(wanted.id),
              .title = std::string(wanted.title),
              .caption = std::string(wanted.caption),
              .kind = chart_kind::curves,
              .unit = {},
              .axis = {},
              .axis_unit = {}};
    for (const curve_of& one : wanted.curves) {
        const measured_figure* const figure = find_figure(all, one.figure);
        if (figure == nullptr || figure->points.size() < 2) {
            continue;
        }
        out.unit = name_of_unit(figure->unit);
        out.axis = figure->axis;
        out.axis_unit = name_of_unit(figure->axis_unit);
        chart_curve curve{.label = std::string(one.label),
                          .tone = std::string(one.tone),
                          .places = {},
                          .law = figure->grows ? figure->grows->reason : std::string()};
        for (const figure_point& point : figure->points) {
            if (point.value.median > 0) {
                curve.places.push_back({.x = place_on_axis(point.at, *figure),
                                        .y = point.value.median,
                                        .low = point.value.low,
                                        .high = point.value.high});
            }
        }
        out.curves.push_back(std::move(curve));
    }
    return out;
}

json json_of(const chart_row& row) {
    return {{"label", row.label}, {"text", row.text}, {"tone", row.tone},
            {"value", row.value}, {"low", row.low},   {"high", row.high}};
}

json json_of(const chart_curve& curve) {
    json places = json::array();
    for (const chart_place& place : curve.places) {
        places.push_back({place.x, place.y, place.low, place.high});
    }
    return {{"label", curve.label}, {"tone", curve.tone}, {"places", std::move(places)}};
}

}  // namespace

std::vector<chart> charts_of(const measurement& all) {
    std::vector<chart> charts{
        ladder_of(
            all, "costs", "The ladder of costs",
            "From the registers of a switch to a fork: each line of the axis is ten times the "
            "one before.",
            cost_rows),
        ladder_of(all, "memory", "One that waits, in memory",
                  "Private pages, page tables and kernel stack of one; logarithmic.", memory_rows)};
    for (const curves_of& wanted : all_curves()) {
        charts.push_back(curves(all, wanted));
    }
    std::erase_if(charts, [](const chart& one) { return one.rows.empty() && one.curves.empty(); });
    return charts;
}

json charts_as_json(const std::vector<chart>& charts) {
    json out = json::array();
    for (const chart& one : charts) {
        json rows = json::array();
        for (const chart_row& row : one.rows) {
            rows.push_back(json_of(row));
        }
        json curves = json::array();
        for (const chart_curve& curve : one.curves) {
            curves.push_back(json_of(curve));
        }
        out.push_back({{"id", one.id},
                       {"kind", one.kind == chart_kind::ladder ? "ladder" : "curves"},
                       {"unit", one.unit},
                       {"axis", one.axis},
                       {"axisUnit", one.axis_unit},
                       {"rows", std::move(rows)},
                       {"curves", std::move(curves)}});
    }
    return out;
}

std::string description_of(const chart& chart) {
    std::string text = chart.title + ": ";
    for (const chart_row& row : chart.rows) {
        text += fmt::format("{} {}; ", row.label, row.text);
    }
    for (const chart_curve& curve : chart.curves) {
        text += curve.law.empty() ? curve.label + "; "
                                  : fmt::format("{}: {}; ", curve.label, curve.law);
    }
    text.resize(text.size() - 2);
    return text;
}

}  // namespace weft::measure
