// SPDX-License-Identifier: Apache-2.0
//
// What the charts of the HTML report show, computed from the results: the page's script only
// draws. A chart without data is not made. Pure functions; any thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "results.h"
#include "statistics.h"
#include "units.h"

namespace weft::lab {

/// One value per row of the chart; stacked on the series before.
struct chart_series {
    std::string label;
    /// "model": the row's colour; "model-light": a lighter one; otherwise a colour of the page's
    /// palette, "kind-1" to "kind-5".
    std::string tone;
    std::vector<std::optional<double>> values = {};
};

struct chart_point {
    double fraction = 0;
    double us = 0;
};

struct chart_curve {
    model_id model = model_id::process;
    /// Ascending fractions below 1.
    std::vector<chart_point> points;
};

enum class chart_kind { bars, percentiles };

struct chart {
    std::string id;
    std::string title;
    /// One or two sentences under the title: what is seen and which direction is good.
    std::string caption;
    chart_kind kind = chart_kind::bars;
    lab::unit unit = unit::plain;
    /// Rows of bars, from above.
    std::vector<model_id> rows = {};
    std::vector<chart_series> series = {};
    /// Of a row's sum over the series; nothing: not measured.
    std::vector<std::optional<estimate>> totals = {};
    /// Where the axis ends; longer bars are cut and marked. 0: at the longest.
    double axis_end = 0;
    std::vector<chart_curve> curves = {};
};

std::vector<chart> charts_of(const results& run);

/// The chart's content as a sentence, for those who do not see it.
std::string description_of(const chart& chart);

/// What the page's script reads.
nlohmann::json chart_as_json(const chart& chart);

/// From the merged histograms of all repeats; from the summaries where there is no histogram.
std::vector<chart_point> percentile_curve(const model_result& model,
                                          std::optional<load_phase> repeat::* phase);

}  // namespace weft::lab
