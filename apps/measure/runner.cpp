// SPDX-License-Identifier: Apache-2.0
#include "runner.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <cerrno>

#include "lab/limits.h"
#include "lab/machine_info.h"
#include "lab/proc_metrics.h"
#include "lab/progress.h"
#include "lab/statistics.h"
#include "pace.h"
#include "round_host.h"
#include "sampling.h"
#include "scratch_folder.h"

namespace weft::measure {

namespace {

/// From here on a round counts as disturbed.
constexpr double disturbing_steal_percent = 5;
constexpr double disturbing_foreign_percent = 10;
constexpr double disturbing_pace = 1.05;

double own_cpu_seconds() {
    double seconds = 0;
    for (const int who : {RUSAGE_SELF, RUSAGE_CHILDREN}) {
        rusage used{};
        if (::getrusage(who, &used) == 0) {
            for (const timeval& part : {used.ru_utime, used.ru_stime}) {
                seconds +=
                    static_cast<double>(part.tv_sec) + static_cast<double>(part.tv_usec) / 1e6;
            }
        }
    }
    return seconds;
}

struct heard_round {
    lab::noise noise;
    double pace = 0;
};

/// Of all rounds of one figure at one place.
struct collected_point {
    rounds_of_samples rounds;
    std::vector<heard_round> heard;
};

struct collected_probe {
    probe_outcome outcome;
    std::map<std::string, std::map<double, collected_point>, std::less<>> figures;
    std::vector<heard_round> heard;
};

class run {
public:
    run(const run_plan& plan, const lab::interrupts& signals, int progress_fd)
        : plan_(plan), signals_(signals), progress_(progress_fd, steps_of(plan), plan.rounds) {
        for (const probe* const one : plan.probes) {
            collected_probe& into = collected_[one];
            into.outcome.name = one->name;
            if (const auto why = why_not(plan, *one)) {
                into.outcome.state = probe_state::skipped;
                into.outcome.reason = why->reason;
                into.outcome.lift = why->lift;
            }
        }
    }

    measurement all() {
        measurement out;
        out.started_at = lab::time_stamp();
        out.machine = lab::read_machine();
        out.machine.limits = lab::read_limits().listed;
        out.seed = plan_.seed;
        out.rounds = plan_.rounds;
        out.quick = plan_.quick;
        std::size_t step = 0;
        for (unsigned round = 0; round < plan_.rounds && !stopped_; ++round) {
            for (const probe* const one : order_of(plan_, round)) {
                progress_.begin(step++);
                one_round(*one, round);
            }
        }
        progress_.clear();
        out.interrupted = stopped_;
        usual_pace_ = lab::median(paces_).value_or(0);
        for (const probe* const one : plan_.probes) {
            conclude(*one, out);
        }
        out.facts = std::move(facts_);
        out.map = std::move(map_);
        return out;
    }

private:
    static std::optional<obstacle> why_not(const run_plan& plan, const probe& one) {
        if (!plan.postgres && one.name == "postgres") {
            return obstacle{.reason = "it was turned off", .lift = "--postgres auto"};
        }
        return one.why_not != nullptr ? one.why_not() : std::nullopt;
    }

    static std::vector<lab::progress_step> steps_of(const run_plan& plan) {
        std::vector<lab::progress_step> steps;
        for (unsigned round = 0; round < plan.rounds; ++round) {
            for (const probe* const one : order_of(plan, round)) {
                steps.push_back({.model = "",
                                 .phase = std::string(one->what),
                                 .repeat = round + 1,
                                 .expected_seconds = seconds_of(plan, *one)});
            }
        }
        return steps;
    }

    void one_round(const probe& one, unsigned round) {
        collected_probe& into = collected_[&one];
        stopped_ = stopped_ || signals_.requested();
        if (stopped_ || into.outcome.state != probe_state::ok ||
            !affords_another(plan_, one, into.outcome.rounds, into.outcome.seconds)) {
            return;
        }
        const auto ticks = lab::read_machine_ticks();
        const double cpu = own_cpu_seconds();
        const std::int64_t began = now_ns();
        const double pace = pace_ns();
        auto found = run_round({.probe = &one,
                                .seconds = seconds_of(plan_, one),
                                .quick = plan_.quick,
                                .seed = plan_.seed + round,
                                .folder = folder_.path()},
                               signals_);
        heard_round heard{
            .noise = lab::noise_between(ticks, lab::read_machine_ticks(), own_cpu_seconds() - cpu),
            .pace = std::max(pace, pace_ns())};
        paces_.push_back(heard.pace);
        if (!found) {
            stopped_ = stopped_ || found.error().how == round_end::interrupted;
            if (!stopped_) {
                into.outcome.state = probe_state::failed;
                into.outcome.reason = found.error().reason;
                progress_.note(fmt::format("{}: {}", one.name, into.outcome.reason));
            }
            return;
        }
        into.outcome.seconds += static_cast<double>(now_ns() - began) / 1e9;
        ++into.outcome.rounds;
        into.heard.push_back(heard);
        keep(std::move(*found), heard, into);
    }

    void keep(findings found, const heard_round& heard, collected_probe& into) {
        for (record& one : found.records) {
            collected_point& point = into.figures[one.figure][one.at];
            point.rounds.push_back(std::move(one.samples));
            point.heard.push_back(heard);
        }
        if (!found.map.empty()) {
            map_ = std::move(found.map);
        }
        for (fact& one : found.facts) {
            const auto known = std::ranges::find(facts_, one.name, &fact::name);
            if (known == facts_.end()) {
                facts_.push_back(std::move(one));
            } else {
                known->text = std::move(one.text);
            }
        }
    }

    [[nodiscard]] bool is_disturbed(const heard_round& heard) const {
        return heard.noise.steal_percent >= disturbing_steal_percent ||
               heard.noise.foreign_percent >= disturbing_foreign_percent ||
               heard.pace > disturbing_pace * usual_pace_;
    }

    /// Sentences about the rounds of a probe in which something was wrong with the machine.
    void describe(const std::vector<heard_round>& heard, probe_outcome& into) const {
        unsigned slow = 0;
        for (const heard_round& one : heard) {
            into.heard.steal_percent = std::max(into.heard.steal_percent, one.noise.steal_percent);
            into.heard.foreign_percent =
                std::max(into.heard.foreign_percent, one.noise.foreign_percent);
            slow += one.pace > disturbing_pace * usual_pace_ ? 1 : 0;
        }
        if (into.heard.steal_percent >= disturbing_steal_percent) {
            into.disturbances.push_back(fmt::format(
                "the hypervisor took up to {:.0f} % of the CPUs", into.heard.steal_percent));
        }
        if (into.heard.foreign_percent >= disturbing_foreign_percent) {
            into.disturbances.push_back(fmt::format(
                "other programs used up to {:.0f} % of the CPUs", into.heard.foreign_percent));
        }
        if (slow != 0) {
            into.disturbances.push_back(fmt::format(
                "the CPU was slower than usual in {} of {} rounds", slow, heard.size()));
        }
    }

    void conclude(const probe& one, measurement& out) {
        collected_probe& from = collected_[&one];
        if (from.outcome.state == probe_state::ok && from.outcome.rounds == 0) {
            from.outcome.state = probe_state::interrupted;
        }
        describe(from.heard, from.outcome);
        for (const figure_info& info : one.figures) {
            const auto found = from.figures.find(info.id);
            if (found != from.figures.end()) {
                add_figure(one, info, found->second, out);
            }
        }
        out.probes.push_back(std::move(from.outcome));
    }

    void add_figure(const probe& one, const figure_info& info,
                    const std::map<double, collected_point>& points, measurement& out) const {
        measured_figure figure = figure_of(info, one.name);
        std::vector<curve_point> curve;
        for (const auto& [at, point] : points) {
            const auto value = summarize(point.rounds);
            if (!value) {
                continue;
            }
            const auto disturbed = std::ranges::count_if(
                point.heard, [this](const auto& heard) { return is_disturbed(heard); });
            figure.points.push_back(
                {.at = at,
                 .value = *value,
                 // Of what has names it is seen whether it is so, which takes no time.
                 .doubtful = info.places.empty() &&
                             2 * static_cast<std::size_t>(disturbed) > point.heard.size()});
            curve.push_back({.x = at, .y = value->median});
        }
        if (!info.axis.empty() && info.places.empty()) {
            figure.grows = growth_of(curve);
        }
        if (!figure.points.empty()) {
            out.figures.push_back(std::move(figure));
        }
    }

    const run_plan& plan_;
    const lab::interrupts& signals_;
    lab::progress progress_;
    std::map<const probe*, collected_probe> collected_;
    std::vector<fact> facts_;
    std::vector<address_part> map_;
    std::vector<double> paces_;
    double usual_pace_ = 0;
    bool stopped_ = false;
    scratch_folder folder_;
};

}  // namespace

measurement measure_all(const run_plan& plan, const lab::interrupts& signals, int progress_fd) {
    // What a probe leaves behind when it is killed becomes a child of this process, which waits for
    // it.
    if (::prctl(PR_SET_CHILD_SUBREAPER, 1) != 0) {
        throw std::system_error(errno, std::generic_category(), "prctl");
    }
    lab::raise_soft_limits();
    return run(plan, signals, progress_fd).all();
}

}  // namespace weft::measure
