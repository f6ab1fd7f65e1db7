// SPDX-License-Identifier: Apache-2.0
#include "comparison.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "ladder.h"
#include "live_recording.h"
#include "report_words.h"
#include "sched/measures.h"

namespace weft::live {

namespace {

/// Of the lag: as many as a chart can show.
constexpr std::size_t lag_samples = 400;

constexpr double in_seconds(nanoseconds time) {
    return static_cast<double>(time) / static_cast<double>(sim::second);
}

nanoseconds time_of_tasks(const live_run& run) {
    nanoseconds sum = 0;
    for (const task_log& task : run.tasks) {
        sum += task.cpu_time;
    }
    return sum;
}

/// Whose kernel threads ran nothing else: with fibers that wait, several share one.
std::map<pid_t, std::size_t> owners_of_threads(const live_run& run) {
    std::map<pid_t, std::size_t> owners;
    constexpr std::size_t nobody = ~std::size_t{0};
    for (std::size_t i = 0; i < run.tasks.size(); ++i) {
        for (const pid_t thread : run.tasks[i].threads) {
            const auto [found, is_new] = owners.emplace(thread, i);
            if (!is_new) {
                found->second = nobody;
            }
        }
    }
    return owners;
}

class adder {
public:
    adder(const live_plan& plan, nanoseconds tick, std::span<const live_run> runs,
          std::span<const double> ideal)
        : plan_(plan), tick_(tick), runs_(runs), ideal_(ideal) {
        made_.kind = runs.front().kind;
        made_.tasks.resize(ideal.size());
        turns_.resize(ideal.size());
        slices_.resize(ideal.size());
        latencies_.resize(ideal.size());
        kernel_turns_.resize(ideal.size());
    }

    side sum() && {
        for (const live_run& run : runs_) {
            add_shares(run);
            add_turns(run);
            add_records(run);
            if (run.runtime) {
                add_runtime(*run.runtime);
            }
        }
        finish_shares();
        finish_lengths();
        return std::move(made_);
    }

private:
    void add_shares(const live_run& run) {
        const auto all = static_cast<double>(std::max<nanoseconds>(time_of_tasks(run), 1));
        for (std::size_t i = 0; i < run.tasks.size(); ++i) {
            task_figures& task = made_.tasks[i];
            const double share = static_cast<double>(run.tasks[i].cpu_time) / all;
            const bool is_first = &run == runs_.data();
            task.least_share = is_first ? share : std::min(task.least_share, share);
            task.greatest_share = std::max(task.greatest_share, share);
            task.cpu_time += run.tasks[i].cpu_time;
            task.stalls += run.tasks[i].stalls;
            task.stalled += run.tasks[i].stalled;
            task.switches.voluntary += run.tasks[i].switches.voluntary;
            task.switches.involuntary += run.tasks[i].switches.involuntary;
        }
    }

    void add_turns(const live_run& run) {
        const auto losses = losses_of(run);
        for (std::size_t i = 0; i < run.tasks.size(); ++i) {
            for (const wakeup& one : run.tasks[i].wakeups) {
                latencies_[i].push_back(one.at - one.due);
            }
            nanoseconds slice = 0;
            for (std::size_t n = 0; n < losses[i].size(); ++n) {
                const turn& one = run.tasks[i].turns[n];
                const turn_loss loss = losses[i][n];
                ++made_.tasks[i].lost[static_cast<std::size_t>(loss)];
                if (loss == turn_loss::ended) {
                    break;
                }
                turns_[i].push_back(one.to - one.from);
                slice += one.to - one.from;
                if (loss != turn_loss::to_other) {
                    slices_[i].push_back(std::exchange(slice, 0));
                }
            }
        }
    }

    void add_records(const live_run& run) {
        const auto owners = owners_of_threads(run);
        std::set<pid_t> own_threads;
        for (const kernel_turn& one : run.kernel.turns) {
            own_threads.insert(one.thread);
        }
        for (const kernel_turn& one : run.kernel.turns) {
            const auto owner = owners.find(one.thread);
            if (owner == owners.end()) {
                continue;  // a thread of the program that ran no task
            }
            ++(one.preempted ? made_.kernel.preempted : made_.kernel.waited);
            if (one.next) {
                ++(*one.next == 0                    ? made_.kernel.to_idle
                   : owners.contains(*one.next)      ? made_.kernel.to_task
                   : own_threads.contains(*one.next) ? made_.kernel.to_program
                                                     : made_.kernel.to_other);
            }
            all_kernel_turns_.push_back(one.to - one.from);
            if (owner->second < kernel_turns_.size()) {
                kernel_turns_[owner->second].push_back(one.to - one.from);
            }
        }
        made_.kernel.source = run.kernel.source;
        made_.kernel.refused = run.kernel.refused;
        made_.kernel.lost += run.kernel.lost;
    }

    void add_runtime(const runtime_counts& counts) {
        if (!made_.runtime) {
            made_.runtime.emplace();
        }
        made_.runtime->dispatched += counts.dispatched;
        made_.runtime->preempted += counts.preempted;
        made_.runtime->blocked += counts.blocked;
        made_.runtime->finished += counts.finished;
    }

    void finish_shares() {
        nanoseconds all = 0;
        for (const task_figures& task : made_.tasks) {
            all += task.cpu_time;
        }
        for (std::size_t i = 0; i < made_.tasks.size(); ++i) {
            task_figures& task = made_.tasks[i];
            task.share =
                all == 0 ? 0 : static_cast<double>(task.cpu_time) / static_cast<double>(all);
            task.error_points = 100 * (task.share - ideal_[i]);
            made_.worst_error = std::max(made_.worst_error, std::abs(task.error_points));
        }
        made_.occupied = in_seconds(all) / (seconds() * static_cast<double>(plan_.cpus.size()));
    }

    void finish_lengths() {
        made_.turns = lengths_of(joined(turns_));
        made_.slices = lengths_of(joined(slices_));
        made_.latencies = lengths_of(joined(latencies_));
        made_.kernel_turns = lengths_of(std::move(all_kernel_turns_));
        made_.slices_per_second = static_cast<double>(made_.slices.count) / seconds();
        made_.whole_ticks = part_of_whole_ticks(joined(slices_), tick_);
        std::uint64_t turns = 0;
        for (std::size_t i = 0; i < made_.tasks.size(); ++i) {
            task_figures& task = made_.tasks[i];
            task.turns = lengths_of(std::move(turns_[i]));
            task.slices = lengths_of(std::move(slices_[i]));
            task.latencies = lengths_of(std::move(latencies_[i]));
            task.kernel_turns = lengths_of(std::move(kernel_turns_[i]));
            for (std::size_t n = 0; n < turn_losses; ++n) {
                made_.lost[n] += task.lost[n];
                turns += task.lost[n];
            }
        }
        made_.turns_per_second = static_cast<double>(turns) / seconds();
    }

    [[nodiscard]] double seconds() const {
        return in_seconds(plan_.work.duration) * static_cast<double>(runs_.size());
    }

    static std::vector<nanoseconds> joined(const std::vector<std::vector<nanoseconds>>& parts) {
        std::vector<nanoseconds> all;
        for (const std::vector<nanoseconds>& part : parts) {
            all.insert(all.end(), part.begin(), part.end());
        }
        return all;
    }

    const live_plan& plan_;
    nanoseconds tick_;
    std::span<const live_run> runs_;
    std::span<const double> ideal_;
    side made_;
    std::vector<std::vector<nanoseconds>> turns_;
    std::vector<std::vector<nanoseconds>> slices_;
    std::vector<std::vector<nanoseconds>> latencies_;
    std::vector<std::vector<nanoseconds>> kernel_turns_;
    std::vector<nanoseconds> all_kernel_turns_;
};

std::vector<double> ideal_shares(const sim::measures& measured) {
    double sum = 0;
    for (const sim::task_measures& task : measured.tasks) {
        sum += task.ideal;
    }
    std::vector<double> ideal;
    for (const sim::task_measures& task : measured.tasks) {
        ideal.push_back(sum == 0 ? 0 : task.ideal / sum);
    }
    return ideal;
}

std::vector<std::string> notes_on(const live_plan& plan, int shift,
                                  std::span<const live_run> of_threads) {
    std::vector<std::string> notes;
    if (shift != 0) {
        notes.push_back(fmt::format(
            "Nice values are {} higher than the workload says, here and in the ideal shares: {} "
            "would need CAP_SYS_NICE or a higher RLIMIT_NICE. Weights are geometric, so the ideal "
            "shares hardly change.",
            shift, lowest_nice(plan.work) - shift));
    }
    const bool has_slices = std::ranges::all_of(of_threads, [](const live_run& run) {
        return std::ranges::all_of(run.tasks, &task_log::has_slice);
    });
    if (!has_slices) {
        notes.push_back(fmt::format(
            "The kernel does not take slices (Linux 6.12 does, under EEVDF): {} holds for fibers "
            "only.",
            sim::text_of(*plan.slice)));
    }
    if (const std::string& refused = of_threads.front().kernel.refused; !refused.empty()) {
        notes.push_back(fmt::format("Not permitted: {}.", refused));
    }
    return notes;
}

}  // namespace

length_summary lengths_of(std::vector<nanoseconds> lengths) {
    if (lengths.empty()) {
        return {};
    }
    const nanoseconds least = std::ranges::min(lengths);
    const sim::latency_summary summary = sim::summary_of(std::move(lengths));
    return {.count = summary.count,
            .least = least,
            .median = summary.p50,
            .p99 = summary.p99,
            .greatest = summary.longest};
}

double part_of_whole_ticks(std::span<const nanoseconds> lengths, nanoseconds tick) {
    if (lengths.empty()) {
        return 0;
    }
    const auto whole = std::ranges::count_if(lengths, [tick](nanoseconds length) {
        const nanoseconds nearest = (length + tick / 2) / tick * tick;
        const nanoseconds off = length < nearest ? nearest - length : length - nearest;
        return nearest != 0 && off <= tick / 20;
    });
    return static_cast<double>(whole) / static_cast<double>(lengths.size());
}

std::vector<std::vector<turn_loss>> losses_of(const live_run& run) {
    struct place {
        nanoseconds from;
        std::size_t task;
        std::size_t number;
    };
    std::map<std::uint32_t, std::vector<place>> by_cpu;
    std::vector<std::vector<turn_loss>> losses;
    for (std::size_t i = 0; i < run.tasks.size(); ++i) {
        const std::vector<turn>& turns = run.tasks[i].turns;
        losses.emplace_back(turns.size(), turn_loss::ended);
        for (std::size_t n = 0; n < turns.size(); ++n) {
            by_cpu[turns[n].cpu].push_back({.from = turns[n].from, .task = i, .number = n});
        }
    }
    for (auto& [cpu, places] : by_cpu) {
        std::ranges::sort(places, {}, &place::from);
        for (std::size_t k = 0; k < places.size(); ++k) {
            const place& here = places[k];
            turn_loss& loss = losses[here.task][here.number];
            switch (run.tasks[here.task].turns[here.number].end) {
                case turn_end::slept:
                    loss = turn_loss::slept;
                    break;
                case turn_end::ended:
                    break;
                case turn_end::preempted:
                case turn_end::suspended:
                    loss = k + 1 < places.size() && places[k + 1].task == here.task
                               ? turn_loss::to_other
                               : turn_loss::to_task;
                    break;
            }
        }
    }
    return losses;
}

side side_of(const live_plan& plan, nanoseconds tick, std::span<const live_run> runs,
             std::span<const double> ideal) {
    return adder(plan, tick, runs, ideal).sum();
}

comparison compare(live_plan plan, int shift, nanoseconds tick, std::vector<live_run> runs) {
    std::array<std::vector<live_run>, 2> by_kind;
    for (live_run& run : runs) {
        by_kind[static_cast<std::size_t>(run.kind)].push_back(std::move(run));
    }
    const auto& kernel = by_kind[static_cast<std::size_t>(task_kind::kernel_threads)];
    comparison made{.plan = std::move(plan), .shift = shift, .tick = tick, .rounds = kernel.size()};
    made.notes = notes_on(made.plan, shift, kernel);
    made.first.work = made.plan.work;
    made.first.how = how_it_was_run(made);
    for (const std::vector<live_run>& of_kind : by_kind) {
        sim::recording recorded = recording_of(made.plan, of_kind.front());
        sim::measures measured = sim::measure(made.plan.work, recorded, lag_samples);
        if (made.ideal.empty()) {
            made.ideal = ideal_shares(measured);
            for (const task_log& task : of_kind.front().tasks) {
                made.names.push_back(task.name);
            }
        }
        made.first.policies.push_back({std::move(recorded), std::move(measured)});
        made.sides.push_back(side_of(made.plan, tick, of_kind, made.ideal));
    }
    return made;
}

}  // namespace weft::live
