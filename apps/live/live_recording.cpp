// SPDX-License-Identifier: Apache-2.0
#include "live_recording.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace weft::live {

namespace {

class writer {
public:
    writer(const live_plan& plan, const live_run& run) : plan_(plan), run_(run) {
        made_.policy = name_of(run.kind);
        made_.duration = run.duration;
        made_.cpus.resize(plan.cpus.size(), {.idle = run.duration});
    }

    sim::recording recording() && {
        for (std::uint32_t i = 0; i < run_.tasks.size(); ++i) {
            add_task(i);
        }
        std::ranges::sort(made_.spans, {}, [](const sim::run_span& one) {
            return std::tuple(one.to, one.from, one.task);
        });
        std::ranges::sort(made_.transitions, {}, [](const sim::transition& one) {
            return std::tuple(one.at, one.task, one.what);
        });
        return std::move(made_);
    }

private:
    void add_task(std::uint32_t number) {
        const task_log& log = run_.tasks[number];
        sim::task_record record;
        record.name = log.name;
        record.spec = log.spec;
        record.arrived = log.arrived;
        record.ended = log.ended;
        note(log.arrived, number, sim::change::arrived);
        for (const turn& one : log.turns) {
            add_turn(one, number, record);
        }
        for (const wakeup& one : log.wakeups) {
            note(one.due, number, sim::change::woken);
            record.latencies.push_back(one.at - one.due);
        }
        if (log.waits_since) {
            note(*log.waits_since, number, sim::change::woken);
        }
        if (log.ended) {
            note(*log.ended, number, sim::change::ended);
        }
        made_.tasks.push_back(std::move(record));
    }

    void add_turn(const turn& one, std::uint32_t number, sim::task_record& record) {
        const auto place = std::ranges::find(plan_.cpus, one.cpu);
        // A thread that was unpinned by others meanwhile is shown where it should have been.
        const auto cpu =
            static_cast<std::uint32_t>(place == plan_.cpus.end() ? 0 : place - plan_.cpus.begin());
        ++record.picked;
        record.preempted += one.end == turn_end::preempted || one.end == turn_end::suspended;
        record.migrated += record.picked > 1 && cpu != last_cpu_;
        last_cpu_ = cpu;
        sim::cpu_record& where = made_.cpus[cpu];
        ++where.switches;
        where.idle -= std::min(where.idle, one.to - one.from);
        made_.spans.push_back({.task = number, .cpu = cpu, .from = one.from, .to = one.to});
        if (one.end == turn_end::slept) {
            note(one.to, number, sim::change::slept);
        }
    }

    void note(nanoseconds at, std::uint32_t task, sim::change what) {
        if (at < run_.duration) {
            made_.transitions.push_back({.at = at, .task = task, .what = what});
        }
    }

    const live_plan& plan_;
    const live_run& run_;
    sim::recording made_;
    std::uint32_t last_cpu_ = 0;
};

}  // namespace

sim::recording recording_of(const live_plan& plan, const live_run& run) {
    return writer(plan, run).recording();
}

}  // namespace weft::live
