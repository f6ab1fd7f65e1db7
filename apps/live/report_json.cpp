// SPDX-License-Identifier: Apache-2.0
#include "report_json.h"

#include <nlohmann/json.hpp>

#include "report/json_numbers.h"

namespace weft::live {

namespace {

using json = nlohmann::ordered_json;

using report::percent;
using report::rounded;

json in_ms(const length_summary& of) {
    return {{"count", of.count},
            {"min", sim::milliseconds(of.least)},
            {"p50", sim::milliseconds(of.median)},
            {"p99", sim::milliseconds(of.p99)},
            {"max", sim::milliseconds(of.greatest)}};
}

json losses(const loss_counts& of) {
    const auto count = [&of](turn_loss why) { return of[static_cast<std::size_t>(why)]; };
    return {{"to_task", count(turn_loss::to_task)},
            {"to_other", count(turn_loss::to_other)},
            {"slept", count(turn_loss::slept)},
            {"ended", count(turn_loss::ended)}};
}

json task_of(const comparison& all, const task_figures& task, std::size_t number) {
    const std::size_t spec = all.first.policies.front().run.tasks[number].spec;
    const int nice = all.plan.work.tasks[spec].nice;
    return {{"name", all.names[number]},
            {"nice", nice},
            {"weight", weight_of_nice(nice).value},
            {"ideal_percent", percent(all.ideal[number])},
            {"share_percent", percent(task.share)},
            {"share_range_percent", {percent(task.least_share), percent(task.greatest_share)}},
            {"error_points", rounded(task.error_points)},
            {"cpu_ms", sim::milliseconds(task.cpu_time)},
            {"slices_ms", in_ms(task.slices)},
            {"turns_ms", in_ms(task.turns)},
            {"wakeup_latency_ms", in_ms(task.latencies)},
            {"kernel_turns_ms", in_ms(task.kernel_turns)},
            {"turns_ended", losses(task.lost)},
            {"stalls", task.stalls},
            {"stalled_ms", sim::milliseconds(task.stalled)},
            {"voluntary_switches", task.switches.voluntary},
            {"involuntary_switches", task.switches.involuntary}};
}

json runtime_of(const side& one) {
    if (!one.runtime) {
        return {};
    }
    return {{"dispatched", one.runtime->dispatched},
            {"preempted", one.runtime->preempted},
            {"blocked", one.runtime->blocked},
            {"finished", one.runtime->finished}};
}

json kernel_of(const side& one) {
    const auto text = [](const std::string& of) { return of.empty() ? json() : json(of); };
    const kernel_counts& of = one.kernel;
    return {
        {"source", text(of.source)}, {"refused", text(of.refused)}, {"preempted", of.preempted},
        {"waited", of.waited},       {"to_task", of.to_task},       {"to_program", of.to_program},
        {"to_other", of.to_other},   {"to_idle", of.to_idle},       {"lost", of.lost}};
}

json side_of(const comparison& all, const side& one) {
    json made{{"kind", name_of(one.kind)},
              {"occupied_percent", percent(one.occupied)},
              {"worst_error_points", rounded(one.worst_error)},
              {"turns_per_second", rounded(one.turns_per_second)},
              {"slices_per_second", rounded(one.slices_per_second)},
              {"whole_tick_percent", percent(one.whole_ticks)},
              {"turns_ended", losses(one.lost)},
              {"slices_ms", in_ms(one.slices)},
              {"turns_ms", in_ms(one.turns)},
              {"wakeup_latency_ms", in_ms(one.latencies)},
              {"kernel_turns_ms", in_ms(one.kernel_turns)},
              {"runtime", runtime_of(one)},
              {"kernel_records", kernel_of(one)},
              {"tasks", json::array()}};
    for (std::size_t i = 0; i < one.tasks.size(); ++i) {
        made["tasks"].push_back(task_of(all, one.tasks[i], i));
    }
    return made;
}

}  // namespace

std::string report_as_json(const comparison& all) {
    const live_plan& plan = all.plan;
    json document{{"schema_version", json_schema_version},
                  {"live", true},
                  {"workload",
                   {{"name", plan.work.name},
                    {"title", plan.work.title},
                    {"duration_ms", sim::milliseconds(plan.work.duration)},
                    {"seed", plan.work.seed}}},
                  {"cpus", plan.cpus},
                  {"kernel_tick_ms", sim::milliseconds(all.tick)},
                  {"slice_ms", plan.slice ? json(sim::milliseconds(*plan.slice)) : json()},
                  {"nice_shift", all.shift},
                  {"rounds", all.rounds},
                  {"notes", all.notes},
                  {"systems", json::array()}};
    for (const side& one : all.sides) {
        document["systems"].push_back(side_of(all, one));
    }
    return document.dump(1, ' ', false, json::error_handler_t::replace) + "\n";
}

}  // namespace weft::live
