// SPDX-License-Identifier: Apache-2.0
#include "report_charts.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "summary.h"

namespace weft::lab {

namespace {

/// A second, magnified chart is made when the longest bar is this many times the next group.
constexpr double worth_magnifying = 3;
/// Curves end at 99.999 % or where single samples begin, whichever comes first.
constexpr double most_nines = 5;
constexpr double nines_per_point = 0.05;

struct part {
    std::string_view metric;
    std::string_view label;
    std::string_view tone;
};

std::vector<model_id> rows_with(const results& run, std::string_view id) {
    std::vector<model_id> rows;
    for (const model_result& model : run.models) {
        if (estimate_of(run, model.model, id)) {
            rows.push_back(model.model);
        }
    }
    return rows;
}

/// Bars of `parts` stacked; `total` names the figure that they sum up to.
std::optional<chart> bars_of(const results& run, std::string_view total,
                             std::span<const part> parts) {
    chart made;
    made.rows = rows_with(run, total);
    if (made.rows.empty()) {
        return std::nullopt;
    }
    made.unit = find_metric(total)->unit;
    for (const model_id row : made.rows) {
        made.totals.push_back(estimate_of(run, row, total));
    }
    for (const part& one : parts) {
        chart_series series{.label = std::string(one.label), .tone = std::string(one.tone)};
        for (const model_id row : made.rows) {
            const auto value = estimate_of(run, row, one.metric);
            series.values.push_back(value ? std::optional(value->median) : std::nullopt);
        }
        if (std::ranges::any_of(series.values,
                                [](const auto& value) { return value && *value > 0; })) {
            made.series.push_back(std::move(series));
        }
    }
    return made;
}

constexpr part memory_parts[] = {
    {"idle.user_bytes", "own pages", "kind-1"},
    {"idle.page_table_bytes", "page tables", "kind-2"},
    {"idle.kernel_stack_bytes", "kernel stack", "kind-3"},
    {"idle.slab_bytes", "kernel objects", "kind-4"},
    {"idle.socket_bytes", "socket buffers", "kind-5"},
};

/// Where a magnified axis ends: at the longest of the bars that the longest one dwarfs.
double magnified_end(const chart& whole) {
    std::vector<double> lengths;
    for (const auto& total : whole.totals) {
        lengths.push_back(total->median);
    }
    std::ranges::sort(lengths);
    for (std::size_t i = lengths.size(); i-- > 1;) {
        if (lengths[i - 1] > 0 && lengths[i] / lengths[i - 1] >= worth_magnifying) {
            return lengths[i - 1] * 1.1;
        }
    }
    return 0;
}

void add_memory(std::vector<chart>& out, const results& run) {
    auto whole = bars_of(run, "idle.all_bytes", memory_parts);
    if (!whole) {
        return;
    }
    whole->id = "memory";
    whole->title = "Memory of an idle client";
    whole->caption =
        "All kinds of memory, user and kernel, per connected client that is silent. "
        "Shorter is better.";
    out.push_back(*whole);
    whole->axis_end = magnified_end(*whole);
    if (whole->axis_end > 0) {
        whole->id = "memory-magnified";
        whole->title = "The same, magnified";
        whole->caption = fmt::format(
            "The axis ends at {}; bars with a break go on beyond it, to the figure "
            "beside them.",
            text_of_bytes(whole->axis_end));
        out.push_back(std::move(*whole));
    }
}

void add_bars(std::vector<chart>& out, const results& run, std::string_view total,
              std::span<const part> parts, std::array<std::string_view, 3> words) {
    if (auto made = bars_of(run, total, parts)) {
        made->id = words[0];
        made->title = words[1];
        made->caption = words[2];
        out.push_back(std::move(*made));
    }
}

void add_curves(std::vector<chart>& out, const results& run,
                std::optional<load_phase> repeat::* phase, std::array<std::string_view, 3> words) {
    chart made{.id = std::string(words[0]),
               .title = std::string(words[1]),
               .caption = std::string(words[2]),
               .kind = chart_kind::percentiles,
               .unit = unit::microseconds};
    for (const model_result& model : run.models) {
        auto points = percentile_curve(model, phase);
        if (points.size() > 1) {
            made.curves.push_back({.model = model.model, .points = std::move(points)});
        }
    }
    if (!made.curves.empty()) {
        out.push_back(std::move(made));
    }
}

/// The sum of the repeats' histograms: their percentiles are those of all samples together, which
/// a mean of percentiles would not be.
std::map<double, std::uint64_t> merged(const model_result& model,
                                       std::optional<load_phase> repeat::* phase) {
    std::map<double, std::uint64_t> sum;
    for (const repeat& one : model.repeats) {
        if (one.*phase) {
            for (const histogram_bucket& bucket : (one.*phase)->histogram) {
                sum[bucket.us] += bucket.count;
            }
        }
    }
    return sum;
}

std::vector<chart_point> points_of_summaries(const model_result& model,
                                             std::optional<load_phase> repeat::* phase) {
    std::vector<chart_point> points;
    constexpr std::array<std::pair<double, double latency_summary::*>, 4> known{{
        {0.5, &latency_summary::p50_us},
        {0.9, &latency_summary::p90_us},
        {0.99, &latency_summary::p99_us},
        {0.999, &latency_summary::p999_us},
    }};
    for (const auto& [fraction, figure] : known) {
        std::vector<double> values;
        for (const repeat& one : model.repeats) {
            if (one.*phase && (one.*phase)->latency.count > 0) {
                values.push_back((one.*phase)->latency.*figure);
            }
        }
        if (const auto middle = median(values)) {
            points.push_back({.fraction = fraction, .us = *middle});
        }
    }
    return points;
}

std::string_view name_of(chart_kind kind) {
    return kind == chart_kind::bars ? "bars" : "percentiles";
}

std::string_view name_of(unit unit) {
    switch (unit) {
        case unit::bytes:
            return "bytes";
        case unit::per_second:
            return "per_second";
        case unit::microseconds:
            return "microseconds";
        default:
            return "plain";
    }
}

nlohmann::json row_as_json(const chart& chart, std::size_t row) {
    const estimate& total = *chart.totals[row];
    return {{"model", lab::name_of(chart.rows[row])},
            {"total", total.median},
            {"min", total.min},
            {"max", total.max},
            {"text", text_of(total.median, chart.unit, symbols::unicode)}};
}

}  // namespace

std::vector<chart_point> percentile_curve(const model_result& model,
                                          std::optional<load_phase> repeat::* phase) {
    const auto buckets = merged(model, phase);
    double total = 0;
    for (const auto& [us, count] : buckets) {
        total += static_cast<double>(count);
    }
    if (total == 0) {
        return points_of_summaries(model, phase);
    }
    std::vector<chart_point> points;
    const double end = std::min(most_nines, std::log10(total));
    double below = 0;
    auto bucket = buckets.begin();
    for (int i = 0; i * nines_per_point <= end; ++i) {
        const double fraction = 1 - std::pow(10, -i * nines_per_point);
        while (std::next(bucket) != buckets.end() &&
               below + static_cast<double>(bucket->second) < fraction * total) {
            below += static_cast<double>(bucket->second);
            ++bucket;
        }
        points.push_back({.fraction = fraction, .us = bucket->first});
    }
    return points;
}

std::vector<chart> charts_of(const results& run) {
    std::vector<chart> out;
    add_memory(out, run);
    constexpr part requests[] = {{"closed.requests_per_s", "requests per second", "model"}};
    add_bars(out, run, "closed.requests_per_s", requests,
             {"throughput", "Requests per second",
              "Every client sends as fast as it is answered. Longer is better; the thin line runs "
              "from the slowest to the fastest repeat."});
    constexpr part cpu[] = {{"closed.cpu_user_us", "in the server's own code", "model"},
                            {"closed.cpu_system_us", "in the kernel", "model-light"}};
    add_bars(out, run, "closed.cpu_us", cpu,
             {"cpu", "CPU per request",
              "The server's CPU time divided by the requests it answered in the closed loop. "
              "Shorter is better."});
    constexpr part accepted[] = {{"connect.rate_per_s", "clients per second", "model"}};
    add_bars(out, run, "connect.rate_per_s", accepted,
             {"connect", "Clients accepted per second",
              "Connected, given a process, thread, fiber or coroutine, and answered once. Longer "
              "is better."});
    add_curves(out, run, &repeat::closed,
               {"latency-closed", "Latency under full load",
                "How long the fastest part of all requests took at most: 99 % stands above the "
                "99. Lower is better; the scale is logarithmic."});
    add_curves(out, run, &repeat::open,
               {"latency-open", "Latency at the same fixed rate",
                "Every model gets the same requests per second, whether it keeps up or not; time "
                "counts from when a request was due. Lower is better."});
    add_curves(out, run, &repeat::idle_majority,
               {"latency-majority", "Latency when nearly all are silent",
                "A few clients are active among many that only stay connected. Lower is "
                "better."});
    return out;
}

std::string description_of(const chart& chart) {
    std::vector<std::string> parts;
    for (std::size_t i = 0; i < chart.rows.size(); ++i) {
        parts.push_back(
            fmt::format("{} {}", lab::name_of(chart.rows[i]),
                        text_of(chart.totals[i]->median, chart.unit, symbols::unicode)));
    }
    for (const chart_curve& curve : chart.curves) {
        const auto at_least = [&curve](double fraction) {
            const auto found = std::ranges::find_if(curve.points, [fraction](const auto& point) {
                return point.fraction >= fraction - 1e-9;
            });
            return text_of_time(found == curve.points.end() ? curve.points.back().us : found->us,
                                symbols::unicode);
        };
        parts.push_back(fmt::format("{} half within {}, 99 % within {}", lab::name_of(curve.model),
                                    at_least(0.5), at_least(0.99)));
    }
    return fmt::format("{}: {}.", chart.title, fmt::join(parts, "; "));
}

nlohmann::json chart_as_json(const chart& chart) {
    nlohmann::json made = {{"id", chart.id},
                           {"kind", name_of(chart.kind)},
                           {"unit", name_of(chart.unit)},
                           {"axisEnd", chart.axis_end},
                           {"rows", nlohmann::json::array()},
                           {"series", nlohmann::json::array()},
                           {"curves", nlohmann::json::array()}};
    for (std::size_t row = 0; row < chart.rows.size(); ++row) {
        made["rows"].push_back(row_as_json(chart, row));
    }
    for (const chart_series& series : chart.series) {
        nlohmann::json values = nlohmann::json::array();
        for (const auto& value : series.values) {
            values.push_back(value.value_or(0));
        }
        made["series"].push_back(
            {{"label", series.label}, {"tone", series.tone}, {"values", std::move(values)}});
    }
    for (const chart_curve& curve : chart.curves) {
        nlohmann::json points = nlohmann::json::array();
        for (const chart_point& point : curve.points) {
            points.push_back({point.fraction, point.us});
        }
        made["curves"].push_back(
            {{"model", lab::name_of(curve.model)}, {"points", std::move(points)}});
    }
    return made;
}

}  // namespace weft::lab
