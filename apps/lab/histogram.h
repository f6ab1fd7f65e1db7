// SPDX-License-Identifier: Apache-2.0
//
// histogram: counts of durations in nanoseconds with a bounded relative error, in constant memory.
//
// Values up to 2^sub_bits are counted exactly; above, each power of two is divided into 2^sub_bits
// equal parts, so that a reported value is at most 1/128 (0.8 %) above the recorded one. Values
// above the range (about 73 minutes) are counted in the last bucket; minimum and maximum are kept
// exactly. record() is a few instructions and never allocates.
//
// Not thread-safe: each load process owns its histograms, sends them over its control channel
// (sparse pairs of bucket and count) and the orchestrator merges them. Averaging percentiles of
// several processes instead was rejected: a percentile of a union cannot be had from percentiles.
#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace weft::lab {

class histogram {
public:
    static constexpr unsigned sub_bits = 7;
    static constexpr unsigned value_bits = 42;

    histogram();

    void record(std::int64_t nanoseconds, std::uint64_t times = 1) noexcept;
    void merge(const histogram& other) noexcept;
    void clear() noexcept;

    [[nodiscard]] std::uint64_t count() const noexcept { return count_; }
    [[nodiscard]] bool empty() const noexcept { return count_ == 0; }
    /// Smallest and largest recorded value, exact; 0 when empty.
    [[nodiscard]] std::int64_t minimum() const noexcept { return count_ == 0 ? 0 : minimum_; }
    [[nodiscard]] std::int64_t maximum() const noexcept { return maximum_; }
    [[nodiscard]] double mean() const noexcept;

    /// The smallest value v such that at least `fraction` of the recorded values are <= v, up to
    /// the bucket's width; 0 when empty. `fraction` in [0, 1]; 1 gives the exact maximum.
    [[nodiscard]] std::int64_t quantile(double fraction) const noexcept;

    /// (upper bound of the bucket, count) of each bucket in use, ascending: for distributions.
    [[nodiscard]] std::vector<std::pair<std::int64_t, std::uint64_t>> buckets() const;

    /// The state as numbers for the control channel: minimum, maximum, sum, then pairs of bucket
    /// index and count.
    [[nodiscard]] std::vector<std::uint64_t> serialize() const;
    /// The reverse; false (and an empty histogram) when the numbers are no serialized histogram.
    [[nodiscard]] bool deserialize(std::span<const std::uint64_t> numbers);

private:
    static constexpr std::uint64_t sub_count = std::uint64_t{1} << sub_bits;
    static constexpr std::size_t bucket_count = (value_bits - sub_bits + 1) * sub_count;

    static std::size_t bucket_of(std::uint64_t value) noexcept;
    static std::int64_t upper_bound_of(std::size_t bucket) noexcept;

    std::vector<std::uint64_t> counts_;
    std::uint64_t count_ = 0;
    std::uint64_t sum_ = 0;
    std::int64_t minimum_ = 0;
    std::int64_t maximum_ = 0;
};

}  // namespace weft::lab
