// SPDX-License-Identifier: Apache-2.0
#include "sched_live.h"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <unistd.h>

#include "lab/interrupts.h"
#include "lab/progress.h"
#include "live/comparison.h"
#include "live/ladder.h"
#include "live/report_html.h"
#include "live/report_json.h"
#include "live/report_terminal.h"
#include "live/runner.h"
#include "live/suitability.h"
#include "live/thread_facts.h"
#include "output.h"
#include "sched/report_trace.h"
#include "sched_output.h"

namespace weft::cli {

namespace {

struct prepared {
    live::live_plan plan;
    int shift = 0;
};

/// The last CPUs: the first one has most of a system's interrupts.
checked<prepared> prepare(sim::workload work, const sched_options& options) {
    std::vector<std::uint32_t> cpus = live::allowed_cpus();
    if (const auto why = live::why_not_live(work, cpus.size())) {
        return std::unexpected(fmt::format("{} cannot be run live: {}", work.name, *why));
    }
    cpus.erase(cpus.begin(), cpus.end() - work.cpus);
    const auto shift =
        live::shift_ladder(work, live::least_permitted_nice(live::lowest_nice(work)));
    if (!shift) {
        return std::unexpected(fmt::format("{} cannot be run live: {}", work.name, shift.error()));
    }
    return prepared{
        .plan = {.work = std::move(work), .cpus = std::move(cpus), .slice = options.slice},
        .shift = *shift};
}

/// Which kind runs when: in alternating order, never both at once.
std::vector<live::task_kind> order_of(std::uint64_t rounds) {
    std::vector<live::task_kind> order;
    for (std::uint64_t round = 0; round < rounds; ++round) {
        order.insert(order.end(), {live::task_kind::kernel_threads, live::task_kind::fibers});
        if (round % 2 == 1) {
            std::swap(order[2 * round], order[2 * round + 1]);
        }
    }
    return order;
}

std::vector<lab::progress_step> steps_of(const std::vector<live::task_kind>& order,
                                         sim::nanoseconds duration) {
    std::vector<lab::progress_step> steps;
    for (const live::task_kind kind : order) {
        steps.push_back({.model = std::string(live::name_of(kind)),
                         .phase = sim::text_of(duration),
                         .repeat = static_cast<unsigned>(1 + steps.size() / 2),
                         .expected_seconds = sim::milliseconds(duration) / 1e3});
    }
    return steps;
}

/// Of a round that was interrupted nothing is kept.
checked<std::vector<live::live_run>> runs_of(const live::live_plan& plan, std::uint64_t rounds) {
    const lab::interrupts signals;
    const auto order = order_of(rounds);
    lab::progress shown(STDERR_FILENO, steps_of(order, plan.work.duration),
                        static_cast<unsigned>(rounds));
    std::vector<live::live_run> runs;
    for (std::size_t i = 0; i < order.size(); ++i) {
        shown.begin(i);
        auto run = live::run_live(order[i], plan, signals.fd());
        if (!run) {
            return std::unexpected(run.error());
        }
        if (run->interrupted) {
            runs.resize(i - i % 2);
            break;
        }
        runs.push_back(std::move(*run));
    }
    return runs;
}

bool report(const sched_options& options, const live::comparison& all) {
    return write_reports(
        options,
        {.json = [&] { return live::report_as_json(all); },
         .trace = [&] { return sim::report_as_trace(all.first); },
         .html = [&] { return live::report_as_html(all, WEFT_VERSION); },
         .text = [&](const auto& style) { return live::report_for_terminal(all, style); }});
}

}  // namespace

int run_sched_live(sim::workload work, const sched_options& options) {
    auto ready = prepare(std::move(work), options);
    if (!ready) {
        return complain(ready.error());
    }
    auto runs = runs_of(ready->plan, options.repeat);
    if (!runs) {
        return complain(runs.error());
    }
    if (runs->empty()) {
        fmt::print(stderr, "weft: interrupted before both had run\n");
        return status_interrupted;
    }
    const bool is_interrupted = runs->size() < 2 * options.repeat;
    live::comparison all =
        live::compare(std::move(ready->plan), ready->shift, live::kernel_tick(), std::move(*runs));
    if (is_interrupted) {
        all.notes.push_back(
            fmt::format("Interrupted after {} of {} rounds.", all.rounds, options.repeat));
    }
    const bool written = report(options, all);
    return is_interrupted ? status_interrupted : written ? 0 : status_failed;
}

}  // namespace weft::cli
