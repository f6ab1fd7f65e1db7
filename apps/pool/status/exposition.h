// SPDX-License-Identifier: Apache-2.0
//
// exposition: Prometheus' text format, version 0.0.4. Not thread-safe.
//
// The library of the field, prometheus-cpp, counts into a registry of its own and serves that; here
// all is counted where it happens and read when somebody asks. What would be left of it is its
// writer of text, for a package that needs a web server and libcurl.
//
// Source of the format: Prometheus' documentation, "Exposition formats".
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "metrics/latency.h"

namespace weft::pool {

using metric_labels = std::vector<std::pair<std::string_view, std::string>>;

class exposition {
public:
    enum class kind : std::uint8_t { counter, gauge, histogram };

    /// What the values that follow are of.
    void family(std::string_view name, kind what, std::string_view about);

    void value(const metric_labels& labels, std::uint64_t number);
    void value(const metric_labels& labels, double number);
    /// Seconds, in buckets by powers of two from 64 us to 67 s.
    void value(const metric_labels& labels, const latency_histogram& of);

    [[nodiscard]] std::string take() { return std::move(text_); }

private:
    void line(std::string_view suffix, const metric_labels& labels, std::string_view bound,
              std::string_view number);

    std::string text_;
    std::string name_;
};

}  // namespace weft::pool
