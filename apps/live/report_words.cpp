// SPDX-License-Identifier: Apache-2.0
#include "report_words.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace weft::live {

std::string how_it_was_run(const comparison& all) {
    const live_plan& plan = all.plan;
    const double hertz = static_cast<double>(sim::second) / static_cast<double>(all.tick);
    return fmt::format(
        "{}, live: as kernel threads and as fibers in turn, on CPU {}, {} each{}; "
        "the kernel's tick is {} (HZ={:.0f})",
        plan.work.name, fmt::join(plan.cpus, " and "), sim::text_of(plan.work.duration),
        all.rounds > 1 ? fmt::format(", {} times", all.rounds) : "", sim::text_of(all.tick), hertz);
}

std::vector<std::string> sentences_on(const side& one) {
    std::vector<std::string> sentences;
    if (one.runtime) {
        const runtime_counts& counts = *one.runtime;
        sentences.push_back(
            fmt::format("The runtime ran something {} times; {} times it preempted a fiber at a "
                        "tick, {} times one "
                        "blocked in the kernel, {} ended.",
                        counts.dispatched, counts.preempted, counts.blocked, counts.finished));
    }
    if (!one.kernel_source.empty()) {
        const auto& reasons = one.kernel_reasons;
        sentences.push_back(fmt::format(
            "{}: the kernel's {} say that threads with tasks were switched away {} times "
            "preempted, {} "
            "times waiting, {} times ended{}.",
            name_of(one.kind), one.kernel_source, reasons[0], reasons[1], reasons[2],
            one.kernel_lost == 0 ? "" : fmt::format("; {} records were lost", one.kernel_lost)));
    }
    if (!one.kernel_refused.empty()) {
        sentences.push_back(fmt::format("{}: {}.", name_of(one.kind), one.kernel_refused));
    }
    return sentences;
}

}  // namespace weft::live
