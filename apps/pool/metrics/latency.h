// SPDX-License-Identifier: Apache-2.0
//
// latency_histogram: how often how long. Two buckets for each power of two, from 1 us to half an
// hour, so that a quantile is told to within a half. Not thread-safe.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace weft::pool {

class latency_histogram {
public:
    /// Two buckets for each power of two, of microseconds.
    static constexpr std::size_t buckets = 62;

    void add(std::int64_t ns) noexcept {
        ++counts_[bucket_of(ns)];
        ++count_;
        sum_ns_ += static_cast<std::uint64_t>(ns > 0 ? ns : 0);
    }

    [[nodiscard]] std::uint64_t count() const noexcept { return count_; }
    [[nodiscard]] std::uint64_t sum_ns() const noexcept { return sum_ns_; }
    [[nodiscard]] std::uint32_t in_bucket(std::size_t i) const noexcept { return counts_[i]; }

    /// The upper bound of a bucket, in nanoseconds; of the last one there is none.
    static constexpr std::uint64_t upper_ns(std::size_t i) noexcept {
        const std::uint64_t power = std::uint64_t{1000} << (i / 2);
        return i % 2 == 0 ? power : power + power / 2;
    }

    /// The bound that this part of all values, from 0 to 1, does not exceed; 0 if there are none.
    [[nodiscard]] std::uint64_t quantile_ns(double part) const noexcept {
        const double wanted = part * static_cast<double>(count_);
        std::uint64_t so_far = 0;
        for (std::size_t i = 0; i < buckets; ++i) {
            so_far += counts_[i];
            if (so_far != 0 && static_cast<double>(so_far) >= wanted) {
                return upper_ns(i);
            }
        }
        return 0;
    }

private:
    static constexpr std::size_t bucket_of(std::int64_t ns) noexcept {
        if (ns <= 1000) {
            return 0;
        }
        const auto us = static_cast<std::uint64_t>(ns - 1) / 1000;  // 1 and more
        const auto power = static_cast<std::size_t>(std::bit_width(us)) - 1;
        const std::uint64_t middle = std::uint64_t{1500} << power;
        const std::size_t bucket = 2 * power + (static_cast<std::uint64_t>(ns) <= middle ? 1 : 2);
        return bucket < buckets ? bucket : buckets - 1;
    }

    std::array<std::uint32_t, buckets> counts_{};
    std::uint64_t count_ = 0;
    std::uint64_t sum_ns_ = 0;
};

}  // namespace weft::pool
