// SPDX-License-Identifier: Apache-2.0
//
// What the report's pictures show, computed here; the script of the page only draws. Pure
// functions.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "measurement.h"

namespace weft::measure {

enum class chart_kind {
    ladder,  ///< a bar for each row, on a logarithmic axis
    curves,  ///< lines with intervals, both axes logarithmic
};

struct chart_row {
    std::string label;
    std::string text;  ///< the figure, as it stands beside the bar
    std::string tone;  ///< a colour of the page's styles
    double value = 0;
    double low = 0;
    double high = 0;
};

struct chart_place {
    double x = 0;
    double y = 0;
    double low = 0;
    double high = 0;
};

struct chart_curve {
    std::string label;
    std::string tone;
    std::vector<chart_place> places;
    std::string law;  ///< the reason of its growth; empty: none was fitted
};

struct chart {
    std::string id;
    std::string title;
    std::string caption;
    chart_kind kind = chart_kind::ladder;
    std::string unit;       ///< "nanoseconds", "bytes"
    std::string axis;       ///< of curves: what lies along it
    std::string axis_unit;  ///< "bytes", "plain"
    std::vector<chart_row> rows = {};
    std::vector<chart_curve> curves = {};
};

/// Those for which there is something to show.
std::vector<chart> charts_of(const measurement& all);

nlohmann::json charts_as_json(const std::vector<chart>& charts);

/// One sentence for those who cannot see it.
std::string description_of(const chart& chart);

}  // namespace weft::measure
