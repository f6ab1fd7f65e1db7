// SPDX-License-Identifier: Apache-2.0
#include "report_trace.h"

#include <algorithm>
#include <iterator>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "timeline.h"

namespace weft::sim {

namespace {

/// Tasks with a counter; more would hide the rest.
constexpr std::size_t most_counters = 16;

/// One line of the trace but for its text, so that millions of them can be sorted.
struct trace_event {
    enum class kind : std::uint8_t { on_cpu, of_task, lag };
    nanoseconds at;
    nanoseconds length;
    std::uint32_t process;
    std::uint32_t thread;
    std::uint32_t task;
    kind what;
    activity does = activity::runs;
    std::uint32_t cpu = 0;
    float value = 0;
    std::size_t order = 0;
};

class writer {
public:
    std::string text(const outcome& all) {
        out_ = fmt::format(
            "{{\"displayTimeUnit\":\"ms\",\"otherData\":{{\"workload\":\"{}\",\"title\":{}}},\n"
            "\"traceEvents\":[",
            all.work.name.find_first_of("\"\\") == std::string::npos ? all.work.name : "",
            nlohmann::json(all.work.title).dump());
        for (const policy_outcome& one : all.policies) {
            names(one);
        }
        for (std::size_t p = 0; p < all.policies.size(); ++p) {
            collect(all.policies[p], static_cast<std::uint32_t>(p));
        }
        for (std::size_t i = 0; i < events_.size(); ++i) {
            events_[i].order = i;
        }
        std::ranges::sort(events_, {},
                          [](const trace_event& each) { return std::pair(each.at, each.order); });
        for (const trace_event& each : events_) {
            write(each, all.policies[(each.process - 1) / 2].run);
        }
        out_ += "\n]}\n";
        return std::move(out_);
    }

private:
    template <class... Args>
    void line(fmt::format_string<Args...> format, Args&&... args) {
        out_ += is_first_ ? "\n" : ",\n";
        is_first_ = false;
        fmt::format_to(std::back_inserter(out_), format, std::forward<Args>(args)...);
    }

    void name(std::string_view what, std::uint32_t process, std::size_t thread,
              std::string_view name) {
        line(R"({{"ph":"M","name":"{}","pid":{},"tid":{},"args":{{"name":"{}"}}}})", what, process,
             thread, name);
    }

    void names(const policy_outcome& one) {
        const std::uint32_t process = next_process_;
        next_process_ += 2;
        name("process_name", process, 0, one.run.policy + ": CPUs");
        for (std::size_t i = 0; i < one.run.cpus.size(); ++i) {
            name("thread_name", process, i, fmt::format("CPU {}", i));
        }
        name("process_name", process + 1, 0, one.run.policy + ": tasks");
        for (std::size_t i = 0; i < one.run.tasks.size(); ++i) {
            name("thread_name", process + 1, i, one.run.tasks[i].name);
        }
    }

    void collect(const policy_outcome& one, std::uint32_t policy) {
        const std::uint32_t cpus = 2 * policy + 1;
        for (const run_span& span : one.run.spans) {
            events_.push_back({.at = span.from,
                               .length = span.to - span.from,
                               .process = cpus,
                               .thread = span.cpu,
                               .task = span.task,
                               .what = trace_event::kind::on_cpu});
        }
        const std::vector<timeline> timelines = timelines_of(one.run);
        for (std::uint32_t i = 0; i < timelines.size(); ++i) {
            for (const activity_span& span : timelines[i]) {
                events_.push_back({.at = span.from,
                                   .length = span.to - span.from,
                                   .process = cpus + 1,
                                   .thread = i,
                                   .task = i,
                                   .what = trace_event::kind::of_task,
                                   .does = span.what,
                                   .cpu = span.cpu});
            }
        }
        for (const lag_sample& sample : one.measured.lag) {
            for (std::uint32_t i = 0; i < std::min(sample.lag_ms.size(), most_counters); ++i) {
                events_.push_back({.at = sample.at,
                                   .length = 0,
                                   .process = cpus + 1,
                                   .thread = i,
                                   .task = i,
                                   .what = trace_event::kind::lag,
                                   .value = sample.lag_ms[i]});
            }
        }
    }

    /// Microseconds, as the format wants them.
    static std::string time_of(nanoseconds at) { return fmt::format("{}.{:03}", at / us, at % us); }

    void write(const trace_event& each, const recording& run) {
        const std::string& task = run.tasks[each.task].name;
        if (each.what == trace_event::kind::lag) {
            line(R"({{"ph":"C","name":"lag {}","pid":{},"tid":{},"ts":{},"args":{{"ms":{:.3f}}}}})",
                 task, each.process, each.thread, time_of(each.at), each.value);
            return;
        }
        std::string name = task;
        if (each.what == trace_event::kind::of_task) {
            name = each.does == activity::runs    ? fmt::format("CPU {}", each.cpu)
                   : each.does == activity::waits ? "waits"
                                                  : "waits for quota";
        }
        line(R"({{"ph":"X","name":"{}","pid":{},"tid":{},"ts":{},"dur":{}}})", name, each.process,
             each.thread, time_of(each.at), time_of(each.length));
    }

    std::vector<trace_event> events_;
    std::string out_;
    std::uint32_t next_process_ = 1;
    bool is_first_ = true;
};

}  // namespace

std::string report_as_trace(const outcome& all) {
    return writer().text(all);
}

}  // namespace weft::sim
