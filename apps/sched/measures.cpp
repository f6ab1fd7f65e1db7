// SPDX-License-Identifier: Apache-2.0
#include "measures.h"

#include <algorithm>
#include <cmath>

#include "division.h"
#include "lag.h"
#include "pattern.h"
#include "timeline.h"

namespace weft::sim {

namespace {

/// The run as it would be if CPU time could be divided into any parts: from one moment at which
/// somebody comes or has had all that it wants to the next. When that is does not depend on when it
/// was in the recording.
class ideal_run {
public:
    ideal_run(const workload& work, const recording& run)
        : run_(run),
          groups_(groups_by_weight(work)),
          capacity_(static_cast<double>(work.cpus)),
          had_(run.tasks.size()) {
        for (std::size_t g = 0; g < groups_.size(); ++g) {
            if (const group_spec& spec = work.groups[g]; spec.quota != 0) {
                groups_[g].most =
                    static_cast<double>(spec.quota) / static_cast<double>(spec.period);
            }
        }
        moments_.push_back(run.duration);
        for (std::size_t i = 0; i < run.tasks.size(); ++i) {
            const task_record& task = run.tasks[i];
            const task_spec& spec = work.tasks[task.spec];
            const nanoseconds arrived = std::min(task.arrived, run.duration);
            moments_.push_back(arrived);
            claims_.push_back({.weight = static_cast<double>(weight_of_nice(spec.nice).value),
                               .most = 0,
                               .group = spec.group});
            demands_.push_back(demand_of(spec, work.seed, i, run.duration - arrived));
            totals_.push_back(static_cast<double>(total_of(spec, work.seed, i)));
        }
        std::ranges::sort(moments_);
    }

    /// CPU time of each, in ns.
    std::vector<double> times() {
        double now = 0;
        for (const nanoseconds moment : moments_) {
            const double end = static_cast<double>(moment);
            while (now < end) {
                now = advance(now, end);
            }
        }
        return had_;
    }

private:
    /// Until `end`, or until somebody is done. The shortest way is a nanosecond, so that rounding
    /// cannot stop time.
    double advance(double now, double end) {
        for (std::size_t i = 0; i < claims_.size(); ++i) {
            const task_record& task = run_.tasks[i];
            const bool has_come = static_cast<double>(task.arrived) <= now;
            claims_[i].most = has_come && had_[i] + 0.5 < totals_[i] ? demands_[i] : 0;
        }
        const std::vector<double> rates = divide(capacity_, claims_, groups_);
        double time = end - now;
        for (std::size_t i = 0; i < rates.size(); ++i) {
            if (rates[i] > 0) {
                time = std::min(time, std::max((totals_[i] - had_[i]) / rates[i], 1.0));
            }
        }
        for (std::size_t i = 0; i < rates.size(); ++i) {
            had_[i] += time * rates[i];
        }
        return time == end - now ? end : now + time;
    }

    const recording& run_;
    std::vector<group_claim> groups_;
    double capacity_;
    std::vector<claim> claims_;
    std::vector<double> demands_;
    std::vector<double> totals_;
    std::vector<double> had_;
    std::vector<nanoseconds> moments_;
};

}  // namespace

latency_summary summary_of(std::vector<nanoseconds> values) {
    if (values.empty()) {
        return {};
    }
    std::ranges::sort(values);
    const auto at = [&values](double fraction) {
        const double rank = std::ceil(fraction * static_cast<double>(values.size()));
        return values[static_cast<std::size_t>(std::max(rank, 1.0)) - 1];
    };
    return {.count = values.size(),
            .p50 = at(0.5),
            .p90 = at(0.9),
            .p99 = at(0.99),
            .longest = values.back()};
}

measures measure(const workload& work, const recording& run, std::size_t samples) {
    measures made;
    const double capacity = static_cast<double>(run.duration) * static_cast<double>(work.cpus);
    made.tasks.resize(run.tasks.size());
    made.groups.resize(work.groups.size());
    const std::vector<timeline> timelines = timelines_of(run);
    for (const transition& one : run.transitions) {
        made.tasks[one.task].unserved += one.what == change::woken ? 1 : 0;
    }
    const std::vector<double> ideal = ideal_run(work, run).times();
    for (std::size_t i = 0; i < run.tasks.size(); ++i) {
        task_measures& task = made.tasks[i];
        for (const activity_span& span : timelines[i]) {
            const nanoseconds time = span.to - span.from;
            task.ran += span.what == activity::runs ? time : 0;
            if (span.what == activity::waits) {
                task.longest_wait = std::max(task.longest_wait, time);
            }
        }
        task.share = static_cast<double>(task.ran) / capacity;
        task.ideal = ideal[i] / capacity;
        task.latency = summary_of(run.tasks[i].latencies);
        task.unserved -= task.latency.count;
        if (const auto group = work.tasks[run.tasks[i].spec].group) {
            made.groups[*group].share += task.share;
            made.groups[*group].ideal += task.ideal;
        }
    }
    for (const cpu_record& cpu : run.cpus) {
        made.idle += static_cast<double>(cpu.idle) / capacity;
        made.switching += static_cast<double>(cpu.switching) / capacity;
        made.switches += cpu.switches;
    }
    follow_lag(work, run, samples, made);
    return made;
}

}  // namespace weft::sim
