// SPDX-License-Identifier: Apache-2.0
#include "task_loop.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include "sched/pattern.h"
#include "thread_facts.h"

namespace weft::live {

namespace {

clock::time_point time_point_of(nanoseconds at) {
    return clock::time_point(std::chrono::nanoseconds(at));
}

class task_loop {
public:
    task_loop(const sim::workload& work, std::size_t number, stage& on, task_log& into)
        : spec_(work.tasks[into.spec]),
          draws_(spec_, work.seed, number),
          left_(sim::total_of(spec_, work.seed, number)),
          on_(on),
          into_(into) {}

    void run() {
        std::optional<nanoseconds> due;
        if (spec_.arrival != 0) {
            sleep_until(on_.start + spec_.arrival);
        }
        while (!is_over(steady_now())) {
            const nanoseconds wanted = std::min(draws_.next_run(), left_);
            const bool is_whole = compute(wanted, std::exchange(due, {}));
            left_ -= std::min(left_, log_.ran());
            if (!is_whole || left_ == 0 || !spec_.sleep) {
                note_end(is_whole);
                break;
            }
            log_.end(turn_end::slept);
            due = log_.turns().back().to + draws_.next_sleep();
            sleep_until(*due);
        }
        if (due && *due < on_.end) {
            into_.waits_since = due;
        }
        into_.turns = log_.turns();
        into_.stalls = log_.stalls();
        into_.stalled = log_.stalled();
        into_.switches = log_.switches();
    }

private:
    [[nodiscard]] bool is_over(nanoseconds now) const noexcept {
        return now >= on_.end || on_.stopped.is_done();
    }

    /// True when it has had all that it wanted; false when the run was over before.
    bool compute(nanoseconds wanted, std::optional<nanoseconds> due) {
        note_thread();
        const nanoseconds used = cpu_time_of_thread();
        nanoseconds now = steady_now();
        log_.begin(now, cpu_of_thread(), switches_of_thread());
        if (due) {
            into_.wakeups.push_back({.due = *due, .at = now});
        }
        while (!is_over(now) && log_.ran() < wanted) {
            now = steady_now();
            if (log_.is_gap(now)) [[unlikely]] {
                look_into_gap(now);
            } else {
                log_.go_on(now);
            }
        }
        into_.cpu_time += cpu_time_of_thread() - used;
        return log_.ran() >= wanted;
    }

    /// What the kernel says must be of the same moment as the look, or the switch that made the
    /// next gap would be counted in this one: asks again until nothing came between.
    void look_into_gap(nanoseconds& now) {
        for (;;) {
            const switch_counts counts = switches_of_thread();
            const std::uint32_t cpu = cpu_of_thread();
            const nanoseconds asked = now;
            now = steady_now();
            if (now - asked <= gap_threshold) {
                log_.after_gap(now, cpu, counts);
                return;
            }
        }
    }

    void sleep_until(nanoseconds due) {
        // Not a plain sleep: whoever stops the run need not wait for it.
        static_cast<void>(on_.stopped.wait_until(time_point_of(std::min(due, on_.end))));
    }

    void note_thread() {
        const pid_t number = number_of_thread();
        if (std::ranges::find(into_.threads, number) == into_.threads.end()) {
            into_.threads.push_back(number);
        }
    }

    void note_end(bool is_whole) {
        log_.end(turn_end::ended);
        if (is_whole) {
            into_.ended = log_.turns().back().to;
        }
    }

    const sim::task_spec& spec_;
    sim::pattern draws_;
    nanoseconds left_;
    stage& on_;
    task_log& into_;
    turn_log log_;
};

/// All times of a log, from those of the clock to those since the start.
void make_relative(task_log& log, nanoseconds start, nanoseconds end) {
    const auto relative = [start, end](nanoseconds at) {
        return std::clamp(at, start, end) - start;
    };
    for (turn& one : log.turns) {
        one.from = relative(one.from);
        one.to = relative(one.to);
    }
    // Who was away when the run was over came back only to see it.
    std::erase_if(log.turns, [](const turn& one) { return one.from == one.to; });
    for (wakeup& one : log.wakeups) {
        one.due = relative(one.due);
        one.at = relative(one.at);
    }
    for (std::optional<nanoseconds>* const at : {&log.ended, &log.waits_since}) {
        if (*at) {
            *at = relative(**at);
        }
    }
}

}  // namespace

void run_task(const sim::workload& work, std::size_t number, stage& on, task_log& into) {
    into.arrived = work.tasks[into.spec].arrival;
    on.ready.done();
    on.gate.wait();
    task_loop(work, number, on, into).run();
    make_relative(into, on.start, on.end);
}

}  // namespace weft::live
