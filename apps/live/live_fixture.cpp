// SPDX-License-Identifier: Apache-2.0
#include "live_fixture.h"

namespace weft::live {

using sim::ms;

live_plan plan_of_two() {
    sim::task_spec heavy;
    heavy.name = "heavy";
    heavy.nice = -5;
    sim::task_spec light;
    light.name = "light";
    live_plan plan;
    plan.work.name = "two";
    plan.work.title = "Two <hogs>";
    plan.work.duration = 100 * ms;
    plan.work.tasks = {heavy, light};
    plan.cpus = {3};
    return plan;
}

live_run run_of_two(task_kind kind) {
    const auto away = kind == task_kind::fibers ? turn_end::suspended : turn_end::preempted;
    live_run run{.kind = kind, .duration = 100 * ms};
    run.tasks.resize(2);
    run.tasks[0].name = "heavy";
    run.tasks[0].threads = {100};
    run.tasks[1].name = "light";
    run.tasks[1].spec = 1;
    run.tasks[1].threads = {101};
    for (nanoseconds at = 0; at < run.duration; at += 4 * ms) {
        const turn_end last = at + 4 * ms == run.duration ? turn_end::ended : away;
        if (at == 8 * ms) {
            run.tasks[0].turns.push_back({at, at + ms, 3, turn_end::preempted});
            run.tasks[0].turns.push_back({at + 2 * ms, at + 3 * ms, 3, away});
        } else {
            run.tasks[0].turns.push_back({at, at + 3 * ms, 3, away});
        }
        run.tasks[1].turns.push_back({at + 3 * ms, at + 4 * ms, 3, last});
    }
    run.tasks[0].cpu_time = 74 * ms;
    run.tasks[1].cpu_time = 25 * ms;
    return run;
}

}  // namespace weft::live
