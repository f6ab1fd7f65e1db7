// SPDX-License-Identifier: Apache-2.0
#include "turn_log.h"

namespace weft::live {

void turn_log::begin(nanoseconds now, std::uint32_t cpu, switch_counts counts) {
    from_ = now;
    last_ = now;
    ran_ = 0;
    cpu_ = cpu;
    counts_ = counts;
}

void turn_log::after_gap(nanoseconds now, std::uint32_t cpu, switch_counts counts) {
    if (counts == counts_) {
        ++stalls_;
        stalled_ += now - last_;
        last_ = now;
        return;
    }
    const bool has_waited = counts.voluntary != counts_.voluntary;
    switches_.voluntary += counts.voluntary - counts_.voluntary;
    switches_.involuntary += counts.involuntary - counts_.involuntary;
    counts_ = counts;
    end(has_waited ? turn_end::suspended : turn_end::preempted);
    from_ = now;
    last_ = now;
    cpu_ = cpu;
}

void turn_log::end(turn_end why) {
    turns_.push_back({.from = from_, .to = last_, .cpu = cpu_, .end = why});
}

}  // namespace weft::live
