// SPDX-License-Identifier: Apache-2.0
#include "report_json.h"

#include <cmath>
#include <utility>

#include <nlohmann/json.hpp>

#include "report/json_numbers.h"

namespace weft::sim {

namespace {

using json = nlohmann::ordered_json;

using report::percent;
using report::rounded;

double in_us(nanoseconds duration) {
    return rounded(static_cast<double>(duration) / static_cast<double>(us));
}

json latency_of(const task_measures& task) {
    const latency_summary& latency = task.latency;
    return {{"count", latency.count},    {"unserved", task.unserved},
            {"p50", in_us(latency.p50)}, {"p90", in_us(latency.p90)},
            {"p99", in_us(latency.p99)}, {"max", in_us(latency.longest)}};
}

json task_of(const workload& work, const task_record& task, const task_measures& measured) {
    const task_spec& spec = work.tasks[task.spec];
    return {{"name", task.name},
            {"nice", spec.nice},
            {"weight", weight_of_nice(spec.nice).value},
            {"group", spec.group ? json(work.groups[*spec.group].name) : json()},
            {"forked", task.forked},
            {"arrived_ms", milliseconds(task.arrived)},
            {"ended_ms", task.ended ? json(milliseconds(*task.ended)) : json()},
            {"ran_ms", milliseconds(measured.ran)},
            {"share_percent", percent(measured.share)},
            {"ideal_percent", percent(measured.ideal)},
            {"wakeup_latency_us", latency_of(measured)},
            {"longest_wait_ms", milliseconds(measured.longest_wait)},
            {"lag_ms",
             {{"least", rounded(measured.least_lag_ms)},
              {"greatest", rounded(measured.greatest_lag_ms)}}},
            {"picked", task.picked},
            {"preempted", task.preempted},
            {"migrated", task.migrated}};
}

json lag_of(const policy_outcome& one) {
    json lag{{"at_ms", json::array()}, {"tasks_ms", json::object()}};
    for (const lag_sample& sample : one.measured.lag) {
        lag["at_ms"].push_back(milliseconds(sample.at));
    }
    for (std::size_t i = 0; i < one.run.tasks.size(); ++i) {
        json values = json::array();
        for (const lag_sample& sample : one.measured.lag) {
            values.push_back(std::round(sample.lag_ms[i] * 1e3) / 1e3);
        }
        lag["tasks_ms"][one.run.tasks[i].name] = std::move(values);
    }
    return lag;
}

json policy_of(const workload& work, const policy_outcome& one) {
    json made{{"policy", one.run.policy},
              {"switches", one.measured.switches},
              {"idle_percent", percent(one.measured.idle)},
              {"switching_percent", percent(one.measured.switching)},
              {"tasks", json::array()},
              {"groups", json::array()}};
    for (std::size_t i = 0; i < one.run.tasks.size(); ++i) {
        made["tasks"].push_back(task_of(work, one.run.tasks[i], one.measured.tasks[i]));
    }
    for (std::size_t g = 0; g < work.groups.size(); ++g) {
        made["groups"].push_back({{"name", work.groups[g].name},
                                  {"weight", work.groups[g].weight},
                                  {"share_percent", percent(one.measured.groups[g].share)},
                                  {"ideal_percent", percent(one.measured.groups[g].ideal)}});
    }
    made["lag"] = lag_of(one);
    return made;
}

}  // namespace

std::string report_as_json(const outcome& all) {
    const workload& work = all.work;
    json document{{"schema_version", json_schema_version},
                  {"workload",
                   {{"name", work.name},
                    {"title", work.title},
                    {"duration_ms", milliseconds(work.duration)},
                    {"cpus", work.cpus},
                    {"tick_ms", milliseconds(work.tick)},
                    {"switch_cost_us", in_us(work.switch_cost)},
                    {"seed", work.seed}}},
                  {"policies", json::array()}};
    for (const policy_outcome& one : all.policies) {
        document["policies"].push_back(policy_of(work, one));
    }
    return document.dump(1, ' ', false, json::error_handler_t::replace) + "\n";
}

}  // namespace weft::sim
