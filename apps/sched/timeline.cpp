// SPDX-License-Identifier: Apache-2.0
#include "timeline.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace weft::sim {

namespace {

/// A moment at which something about a task changes.
struct mark {
    nanoseconds at;
    std::optional<change> what;
    bool starts = false;  // without a change: to run, or else it stops
    std::uint32_t cpu = 0;
    std::size_t order = 0;  // among those of the same moment
};

class walk {
public:
    timeline over(std::vector<mark>& marks, nanoseconds end) {
        for (std::size_t i = 0; i < marks.size(); ++i) {
            marks[i].order = i;
        }
        std::ranges::sort(marks, {}, [](const mark& one) { return std::pair(one.at, one.order); });
        for (const mark& one : marks) {
            until(one.at);
            apply(one);
        }
        until(end);
        return std::move(spans_);
    }

private:
    void until(nanoseconds at) {
        if (is_present_ && at > since_) {
            const activity what = is_running_     ? activity::runs
                                  : is_throttled_ ? activity::throttled
                                                  : activity::waits;
            const std::uint32_t cpu = is_running_ ? cpu_ : 0;
            if (!spans_.empty() && spans_.back().to == since_ && spans_.back().what == what &&
                spans_.back().cpu == cpu) {
                spans_.back().to = at;
            } else {
                spans_.push_back({.what = what, .cpu = cpu, .from = since_, .to = at});
            }
        }
        since_ = at;
    }

    void apply(const mark& one) {
        if (!one.what) {
            is_running_ = one.starts;
            cpu_ = one.cpu;
            return;
        }
        switch (*one.what) {
            case change::arrived:
            case change::woken:
                is_present_ = true;
                break;
            case change::slept:
            case change::ended:
                is_present_ = false;
                is_throttled_ = false;
                break;
            case change::throttled:
                is_throttled_ = true;
                break;
            case change::thawed:
                is_throttled_ = false;
                break;
        }
    }

    timeline spans_;
    nanoseconds since_ = 0;
    std::uint32_t cpu_ = 0;
    bool is_present_ = false;
    bool is_running_ = false;
    bool is_throttled_ = false;
};

}  // namespace

std::vector<timeline> timelines_of(const recording& run) {
    std::vector<std::vector<mark>> marks(run.tasks.size());
    for (const run_span& span : run.spans) {
        // One stop before the next start at the same time: spans come by their ends.
        marks[span.task].push_back({.at = span.from, .what = {}, .starts = true, .cpu = span.cpu});
        marks[span.task].push_back({.at = span.to, .what = {}, .starts = false, .cpu = span.cpu});
    }
    for (const transition& one : run.transitions) {
        marks[one.task].push_back({.at = one.at, .what = one.what});
    }
    std::vector<timeline> all;
    for (std::vector<mark>& of_task : marks) {
        all.push_back(walk().over(of_task, run.duration));
    }
    return all;
}

}  // namespace weft::sim
