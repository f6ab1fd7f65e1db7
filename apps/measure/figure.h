// SPDX-License-Identifier: Apache-2.0
//
// What `weft measure` measures, as data: figures, their points, the samples of each point. A figure
// is one number, or a curve over an axis (bytes, threads alive, ...). Plain values: any thread, any
// time.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "address_map.h"
#include "lab/units.h"

namespace weft::measure {

using lab::unit;

/// What a figure is, whatever it turns out to be. Known when the program is built.
struct figure_info {
    std::string_view id;    ///< "fork.call"
    std::string_view what;  ///< "fork(), until it returns in the parent"
    lab::unit unit = unit::nanoseconds;
    std::string_view axis = {};  ///< "resident memory"; empty: one number
    lab::unit axis_unit = unit::plain;
    /// The names of the places 0, 1, ... of the axis; none: they are numbers, and the figure is a
    /// curve.
    std::vector<std::string_view> places = {};
};

/// Samples of one figure at one place on its axis, as a probe hands them over.
struct record {
    std::string figure;
    double at = 0;
    std::vector<double> samples;
};

/// A thing that is no number: "who died of an overflow": "the process with all its threads".
struct fact {
    std::string name;
    std::string text;
};

/// What one round of a probe found.
struct findings {
    std::vector<record> records;
    std::vector<fact> facts;
    std::vector<address_part> map;  ///< of a process; mostly empty
};

}  // namespace weft::measure
