// SPDX-License-Identifier: Apache-2.0
//
// From repeated measurements to one figure with its spread. Medians and not means, because the
// disturbances of a shared machine are one-sided; the spread is given twice: min..max, which hides
// nothing, and the median absolute deviation, which one disturbed repeat does not move.
//
// A confidence interval was rejected: with three to five repeats it would claim a precision that
// the data do not have. Pure functions: any thread, any time. Values that are not finite are left
// out before anything is computed.
#pragma once

#include <cstddef>
#include <optional>
#include <span>

namespace weft::lab {

struct estimate {
    double median = 0;
    double min = 0;
    double max = 0;
    /// Median absolute deviation times 1.4826, which makes it comparable to a standard deviation.
    double deviation = 0;
    std::size_t count = 0;
};

/// Nothing when no finite value is given.
std::optional<double> median(std::span<const double> values);
std::optional<estimate> estimate_of(std::span<const double> values);

/// The farthest value's distance from the median, relative to the median; 0 for one value or a
/// median of 0.
double relative_spread(const estimate& value) noexcept;

/// How many times `over` is `under`, and between which figures that lies when both vary over
/// their whole min..max.
struct ratio {
    double median = 0;
    double low = 0;
    double high = 0;
};

/// Nothing when a figure of `under` is not above zero or one of `over` is negative.
std::optional<ratio> ratio_of(const estimate& over, const estimate& under) noexcept;

/// Whether both have a figure in common within min..max: then neither may be called the better.
bool overlap(const estimate& a, const estimate& b) noexcept;

}  // namespace weft::lab
