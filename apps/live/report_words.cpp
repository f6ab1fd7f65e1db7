// SPDX-License-Identifier: Apache-2.0
#include "report_words.h"

#include <algorithm>
#include <utility>

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

bool has_latencies(const comparison& all) {
    return std::ranges::any_of(all.sides, [](const side& one) { return one.latencies.count != 0; });
}

bool has_records(const comparison& all) {
    return std::ranges::any_of(all.sides,
                               [](const side& one) { return one.kernel_turns.count != 0; });
}

std::vector<std::string> sentences_on(const side& one) {
    std::vector<std::string> sentences;
    if (one.runtime) {
        const runtime_counts& counts = *one.runtime;
        sentences.push_back(fmt::format(
            "The runtime ran something {} times. {} times it preempted a fiber at a tick, {} times "
            "one blocked in the kernel, {} ended.",
            counts.dispatched, counts.preempted, counts.blocked, counts.finished));
    }
    const kernel_counts& kernel = one.kernel;
    if (!kernel.source.empty()) {
        std::string text = fmt::format(
            "By the kernel's {}, {} were preempted {} times and waited {} times", kernel.source,
            one.kind == task_kind::fibers ? "the threads of the fibers" : "the threads",
            kernel.preempted, kernel.waited);
        if (kernel.to_task + kernel.to_program + kernel.to_other + kernel.to_idle != 0) {
            text += fmt::format(
                "; then ran one of them {} times, another thread of this program "
                "{}, another program {}, nobody {}",
                kernel.to_task, kernel.to_program, kernel.to_other, kernel.to_idle);
        }
        text += kernel.lost == 0 ? "." : fmt::format("; {} records were lost.", kernel.lost);
        sentences.push_back(std::move(text));
    }
    return sentences;
}

}  // namespace weft::live
