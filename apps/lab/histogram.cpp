// SPDX-License-Identifier: Apache-2.0
#include "histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

namespace weft::lab {

histogram::histogram() : counts_(bucket_count, 0) {}

std::size_t histogram::bucket_of(std::uint64_t value) noexcept {
    value = std::min(value, (std::uint64_t{1} << value_bits) - 1);
    if (value < sub_count) {
        return static_cast<std::size_t>(value);
    }
    // Drop low bits until sub_bits + 1 significant bits are left; the number dropped picks the
    // group, the bits below the leading one pick the place in it.
    const auto dropped = static_cast<unsigned>(std::bit_width(value)) - 1 - sub_bits;
    return static_cast<std::size_t>((dropped + 1) * sub_count + ((value >> dropped) - sub_count));
}

std::int64_t histogram::upper_bound_of(std::size_t bucket) noexcept {
    const std::uint64_t group = bucket / sub_count;
    const std::uint64_t place = bucket % sub_count;
    if (group == 0) {
        return static_cast<std::int64_t>(place);
    }
    const std::uint64_t dropped = group - 1;
    return static_cast<std::int64_t>(((sub_count + place + 1) << dropped) - 1);
}

void histogram::record(std::int64_t nanoseconds, std::uint64_t times) noexcept {
    if (times == 0) {
        return;
    }
    const std::int64_t value = std::max<std::int64_t>(nanoseconds, 0);
    counts_[bucket_of(static_cast<std::uint64_t>(value))] += times;
    minimum_ = count_ == 0 ? value : std::min(minimum_, value);
    maximum_ = std::max(maximum_, value);
    count_ += times;
    sum_ += static_cast<std::uint64_t>(value) * times;
}

void histogram::merge(const histogram& other) noexcept {
    if (other.count_ == 0) {
        return;
    }
    for (std::size_t i = 0; i < bucket_count; ++i) {
        counts_[i] += other.counts_[i];
    }
    minimum_ = count_ == 0 ? other.minimum_ : std::min(minimum_, other.minimum_);
    maximum_ = std::max(maximum_, other.maximum_);
    count_ += other.count_;
    sum_ += other.sum_;
}

void histogram::clear() noexcept {
    std::fill(counts_.begin(), counts_.end(), 0);
    count_ = 0;
    sum_ = 0;
    minimum_ = 0;
    maximum_ = 0;
}

double histogram::mean() const noexcept {
    return count_ == 0 ? 0.0 : static_cast<double>(sum_) / static_cast<double>(count_);
}

std::int64_t histogram::quantile(double fraction) const noexcept {
    if (count_ == 0) {
        return 0;
    }
    const double clamped = std::clamp(fraction, 0.0, 1.0);
    const auto rank = std::max<std::uint64_t>(
        1, static_cast<std::uint64_t>(std::ceil(clamped * static_cast<double>(count_))));
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < bucket_count; ++i) {
        seen += counts_[i];
        if (seen >= rank) {
            return std::clamp(upper_bound_of(i), minimum_, maximum_);
        }
    }
    return maximum_;
}

std::vector<std::pair<std::int64_t, std::uint64_t>> histogram::buckets() const {
    std::vector<std::pair<std::int64_t, std::uint64_t>> used;
    for (std::size_t i = 0; i < bucket_count; ++i) {
        if (counts_[i] != 0) {
            used.emplace_back(std::min(upper_bound_of(i), maximum_), counts_[i]);
        }
    }
    return used;
}

std::vector<std::uint64_t> histogram::serialize() const {
    std::vector<std::uint64_t> numbers{static_cast<std::uint64_t>(minimum_),
                                       static_cast<std::uint64_t>(maximum_), sum_};
    for (std::size_t i = 0; i < bucket_count; ++i) {
        if (counts_[i] != 0) {
            numbers.push_back(i);
            numbers.push_back(counts_[i]);
        }
    }
    return numbers;
}

bool histogram::deserialize(std::span<const std::uint64_t> numbers) {
    constexpr std::uint64_t most = std::numeric_limits<std::int64_t>::max();
    clear();
    if (numbers.size() < 3 || numbers.size() % 2 == 0 || numbers[0] > numbers[1] ||
        numbers[1] > most) {
        return false;
    }
    for (std::size_t i = 3; i < numbers.size(); i += 2) {
        if (numbers[i] >= bucket_count || numbers[i + 1] > most - count_) {
            clear();
            return false;
        }
        counts_[numbers[i]] += numbers[i + 1];
        count_ += numbers[i + 1];
    }
    minimum_ = static_cast<std::int64_t>(numbers[0]);
    maximum_ = static_cast<std::int64_t>(numbers[1]);
    sum_ = numbers[2];
    return true;
}

}  // namespace weft::lab
