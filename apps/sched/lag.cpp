// SPDX-License-Identifier: Apache-2.0
#include "lag.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace weft::sim {

namespace {

enum class mark_kind : std::uint8_t { stops, leaves, comes, starts, sample, sample_shown };

struct mark {
    nanoseconds at;
    mark_kind what;
    std::uint32_t task;
    std::size_t order = 0;  // in which it was recorded
};

std::vector<mark> marks_of(const recording& run, window shown, std::size_t samples) {
    std::vector<mark> marks;
    marks.reserve(2 * run.spans.size() + run.transitions.size() + 2 * samples);
    for (const run_span& span : run.spans) {
        marks.push_back({span.from, mark_kind::starts, span.task});
        marks.push_back({span.to, mark_kind::stops, span.task});
    }
    for (const transition& one : run.transitions) {
        const bool leaves =
            one.what == change::slept || one.what == change::ended || one.what == change::throttled;
        marks.push_back({one.at, leaves ? mark_kind::leaves : mark_kind::comes, one.task});
    }
    for (std::size_t i = 1; i <= samples; ++i) {
        marks.push_back({run.duration * i / samples, mark_kind::sample, 0});
        marks.push_back(
            {shown.from + (shown.to - shown.from) * i / samples, mark_kind::sample_shown, 0});
    }
    // At one moment: who stops, what happens to tasks in the order in which it was recorded, who
    // starts, and a look at what came of it.
    const auto rank = [](mark_kind what) {
        return what == mark_kind::stops                                ? 0
               : what == mark_kind::leaves || what == mark_kind::comes ? 1
               : what == mark_kind::starts                             ? 2
                                                                       : 3;
    };
    for (std::size_t i = 0; i < marks.size(); ++i) {
        marks[i].order = i;
    }
    std::ranges::sort(marks, {}, [rank](const mark& one) {
        return std::tuple(one.at, rank(one.what), one.order);
    });
    return marks;
}

class follower {
public:
    follower(const workload& work, const recording& run, measures& into)
        : run_(run),
          shown_(work.shown),
          into_(into),
          groups_(groups_by_weight(work)),
          lag_(run.tasks.size()),
          wants_(run.tasks.size()),
          runs_(run.tasks.size()) {
        for (const task_record& task : run.tasks) {
            const task_spec& spec = work.tasks[task.spec];
            claims_.push_back({.weight = static_cast<double>(weight_of_nice(spec.nice).value),
                               .most = 0,
                               .group = spec.group});
        }
    }

    void follow(std::size_t samples) {
        for (const mark& one : marks_of(run_, shown_, samples)) {
            advance(one.at);
            apply(one);
        }
    }

private:
    void advance(nanoseconds to) {
        const double ns = static_cast<double>(to - now_);
        now_ = to;
        if (ns == 0 || running_ == 0) {
            return;
        }
        if (is_stale_) {
            rates_ = divide(running_, claims_, groups_);
            is_stale_ = false;
        }
        for (std::size_t i = 0; i < lag_.size(); ++i) {
            if (wants_[i]) {
                lag_[i] += ns * (rates_[i] - (runs_[i] ? 1 : 0));
                keep_extremes(i);
            }
        }
    }

    void keep_extremes(std::size_t i) {
        task_measures& task = into_.tasks[i];
        task.least_lag_ms = std::min(task.least_lag_ms, lag_[i] / ms);
        task.greatest_lag_ms = std::max(task.greatest_lag_ms, lag_[i] / ms);
    }

    void apply(const mark& one) {
        const std::uint32_t i = one.task;
        switch (one.what) {
            case mark_kind::starts:
            case mark_kind::stops:
                runs_[i] = one.what == mark_kind::starts;
                running_ += runs_[i] ? 1 : -1;
                break;
            case mark_kind::comes:
                wants_[i] = true;
                lag_[i] = 0;
                claims_[i].most = 1;
                break;
            case mark_kind::leaves:
                leave(i);
                break;
            case mark_kind::sample:
                sample(into_.lag);
                return;
            case mark_kind::sample_shown:
                sample(into_.lag_shown);
                return;
        }
        is_stale_ = true;
    }

    /// What it was owed, or owed, goes to the others by weight.
    void leave(std::uint32_t i) {
        wants_[i] = false;
        claims_[i].most = 0;
        const double left = lag_[i];
        lag_[i] = 0;
        const std::vector<double> parts = divide(1, claims_, groups_);
        double all = 0;
        for (const double part : parts) {
            all += part;
        }
        for (std::size_t k = 0; k < lag_.size() && all > 0; ++k) {
            lag_[k] += left * parts[k] / all;
        }
    }

    void sample(std::vector<lag_sample>& into) const {
        lag_sample taken{.at = now_, .lag_ms = {}};
        for (const double ns : lag_) {
            taken.lag_ms.push_back(static_cast<float>(ns / ms));
        }
        into.push_back(std::move(taken));
    }

    const recording& run_;
    const window shown_;
    measures& into_;
    std::vector<group_claim> groups_;
    std::vector<claim> claims_;
    std::vector<double> lag_;  // ns
    std::vector<bool> wants_;
    std::vector<bool> runs_;
    std::vector<double> rates_;
    nanoseconds now_ = 0;
    int running_ = 0;
    bool is_stale_ = true;
};

}  // namespace

std::vector<group_claim> groups_by_weight(const workload& work) {
    std::vector<group_claim> groups;
    for (const group_spec& group : work.groups) {
        groups.push_back({.weight = static_cast<double>(group.weight)});
    }
    return groups;
}

void follow_lag(const workload& work, const recording& run, std::size_t samples, measures& into) {
    follower(work, run, into).follow(samples);
}

}  // namespace weft::sim
