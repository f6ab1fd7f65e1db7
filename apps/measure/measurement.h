// SPDX-License-Identifier: Apache-2.0
//
// What one run of `weft measure` found: plain data, filled by the runner, read by claims and
// reports. An absent optional means "not measured", never zero. No function keeps state: any
// thread, any time.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "figure.h"
#include "growth.h"
#include "interval.h"
#include "lab/results.h"

namespace weft::measure {

inline constexpr int schema_version = 1;

struct figure_point {
    double at = 0;
    summary value;
    bool doubtful = false;  ///< the machine was disturbed in most of its rounds
};

struct measured_figure {
    std::string id;
    std::string what;
    lab::unit unit = unit::nanoseconds;
    std::string axis;  ///< empty: one number, at the only point
    lab::unit axis_unit = unit::plain;
    std::vector<std::string> places = {};  ///< names of the places 0, 1, ...; none: numbers
    std::string probe;
    std::vector<figure_point> points = {};  ///< ascending along the axis
    std::optional<growth> grows = {};
};

enum class probe_state { ok, skipped, failed, interrupted };

/// "ok", "skipped", "failed", "interrupted".
std::string_view name_of(probe_state state) noexcept;

struct probe_outcome {
    std::string name;
    probe_state state = probe_state::ok;
    std::string reason = {};
    std::string lift = {};  ///< the command that would let it run; may be empty
    unsigned rounds = 0;    ///< complete ones
    double seconds = 0;
    lab::noise heard = {};                       ///< the worst of its rounds
    std::vector<std::string> disturbances = {};  ///< sentences; empty: none
};

struct measurement {
    std::string started_at;
    std::string weft_version;
    std::string command_line;
    std::uint64_t seed = 1;
    unsigned rounds = 0;
    bool quick = false;
    bool interrupted = false;
    double seconds = 0;
    lab::machine machine;
    std::vector<probe_outcome> probes;
    std::vector<measured_figure> figures;
    std::vector<fact> facts;
    std::vector<address_part> map;  ///< of a process with threads and fibers
};

/// Without points.
measured_figure figure_of(const figure_info& info, std::string_view probe);

const measured_figure* find_figure(const measurement& all, std::string_view id);
const probe_outcome* find_outcome(const measurement& all, std::string_view probe);
/// Null: nobody told it.
const std::string* find_fact(const measurement& all, std::string_view name);

/// The point nearest to `at`, on a logarithmic axis; null for a figure that was not measured.
const figure_point* point_near(const measurement& all, std::string_view id, double at = 0);
/// Its median.
std::optional<double> median_near(const measurement& all, std::string_view id, double at = 0);

}  // namespace weft::measure
