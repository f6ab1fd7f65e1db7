// SPDX-License-Identifier: Apache-2.0
//
// The way of a workload file through `weft sched`: it is read, simulated for a moment under every
// policy, measured and reported. Whatever it says, it is a workload within its bounds or an error
// of one line; what is simulated accounts for every nanosecond of every CPU.
#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "require.h"
#include "sched/outcome.h"
#include "sched/report_html.h"
#include "sched/report_json.h"
#include "sched/report_terminal.h"
#include "sched/report_trace.h"
#include "sched/simulator.h"
#include "sched/workload_file.h"

namespace {

using namespace weft::sim;
using weft::fuzz::require;

// An input shall take milliseconds.
constexpr nanoseconds longest_run = 20 * ms;
constexpr std::uint64_t most_steps_of_all = 2000;
constexpr std::size_t lag_samples = 4;

void check_error(const std::string& error) {
    require(error.starts_with("f.toml:"), "an error names the file", error);
    require(error.size() < 1000, "an error is short");
    require(std::ranges::none_of(
                error, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }),
            "an error is one line that moves no cursor", error);
}

void check_workload(const workload& work) {
    require(work.duration >= shortest_duration && work.duration <= longest_duration, "duration");
    require(work.tick >= shortest_tick && work.tick <= longest_tick, "tick");
    require(work.cpus >= 1 && work.cpus <= most_cpus, "cpus");
    require(work.shown.from < work.shown.to && work.shown.to <= work.duration, "show");
    require(work.groups.size() <= most_groups, "groups");
    std::uint64_t tasks = 0;
    for (const task_spec& task : work.tasks) {
        tasks += task.count + (task.fork ? task.fork->limit : 0);
        require(!task.group || *task.group < work.groups.size(), "the group of a task");
        require(!task.cpu || *task.cpu < work.cpus, "the CPU of a task");
    }
    require(tasks >= 1 && tasks <= most_tasks, "tasks");
}

/// Nobody is in two places and nothing happens in two ways at a time.
void check_recording(const workload& work, const recording& run) {
    std::vector<nanoseconds> busy(run.cpus.size());
    std::vector<nanoseconds> cpu_free(run.cpus.size());
    std::vector<nanoseconds> task_free(run.tasks.size());
    for (const run_span& span : run.spans) {
        require(span.from < span.to && span.to <= run.duration, "a span is within the run");
        require(std::exchange(cpu_free[span.cpu], span.to) <= span.from, "one task on a CPU");
        require(std::exchange(task_free[span.task], span.to) <= span.from, "one CPU for a task");
        require(span.from >= run.tasks[span.task].arrived, "nobody runs before it comes");
        const auto& only = work.tasks[run.tasks[span.task].spec].cpu;
        require(!only || *only == span.cpu, "a task with a CPU runs there");
        busy[span.cpu] += span.to - span.from;
    }
    for (std::size_t i = 0; i < run.cpus.size(); ++i) {
        require(busy[i] + run.cpus[i].idle + run.cpus[i].switching == run.duration,
                "all time of a CPU is accounted for");
    }
}

void check_reports(const outcome& all) {
    require(nlohmann::json::accept(report_as_json(all)), "the JSON report is JSON");
    require(nlohmann::json::accept(report_as_trace(all)), "the trace is JSON");
    const std::string text = report_for_terminal(all);
    require(std::ranges::none_of(text,
                                 [](char c) {
                                     return (static_cast<unsigned char>(c) < 0x20 && c != '\n') ||
                                            c == 0x7f;
                                 }),
            "what is printed moves no cursor");
    const std::string page = report_as_html(all, "0");
    require(page.ends_with("</html>\n"), "the page is whole");
}

void run(workload work) {
    work.duration = std::min(work.duration, longest_run);
    work.shown = work.shown.to <= work.duration ? work.shown : window{0, work.duration};
    outcome all{.work = std::move(work), .policies = {}};
    for (const policy each : all_policies) {
        if (auto run = simulate(all.work, each, most_steps_of_all)) {
            check_recording(all.work, *run);
            auto measured = measure(all.work, *run, lag_samples);
            all.policies.push_back({std::move(*run), std::move(measured)});
        }
    }
    if (all.policies.size() == all_policies.size()) {
        check_reports(all);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    auto work = parse_workload({reinterpret_cast<const char*>(bytes), size}, "f.toml");
    if (work) {
        check_workload(*work);
        run(std::move(*work));
    } else {
        check_error(work.error());
    }
    return 0;
}
