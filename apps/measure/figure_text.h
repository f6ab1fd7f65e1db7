// SPDX-License-Identifier: Apache-2.0
//
// Figures as people read them. ASCII; the same words in the terminal, the verdicts and the HTML.
// Pure functions.
#pragma once

#include <span>
#include <string>

#include "measurement.h"

namespace weft::measure {

/// "12 us", "4.2 KiB", "31 %", "2.9".
std::string figure_text(double value, lab::unit unit);

/// "12 us +-3 %": the interval's half width relative to the median.
std::string with_interval(const summary& value, lab::unit unit);

/// A place on the figure's axis: "50 MiB resident memory", "overflow"; empty if it has none.
std::string place_of(const measured_figure& figure, const figure_point& point);

/// A place on an axis: "50 MiB", "10,000", or its name if it has one.
std::string place_text(double at, lab::unit unit, std::span<const std::string> names = {});

}  // namespace weft::measure
