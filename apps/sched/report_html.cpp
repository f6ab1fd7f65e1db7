// SPDX-License-Identifier: Apache-2.0
#include "report_html.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "report/asset.h"
#include "report/html_page.h"
#include "report/line_writer.h"
#include "timeline.h"

WEFT_ASSET(sched_css);
WEFT_ASSET(sched_js);

namespace weft::sim {

namespace {

/// What a page can draw: rows of a picture or lines of a chart, and pieces of a timeline.
constexpr std::size_t most_rows = 24;
constexpr std::size_t most_pieces = 40'000;

using report::escaped;

/// What is drawn needs no more.
double to_thousandth(double value) {
    return std::round(value * 1e3) / 1e3;
}

/// The pieces of a task as one row of numbers: what, CPU, from and to in microseconds. Those that
/// begin after `end` are left out.
nlohmann::json row_of(const timeline& of, nanoseconds end) {
    nlohmann::json row = nlohmann::json::array();
    for (const activity_span& span : of) {
        if (span.from < end) {
            row.push_back(static_cast<int>(span.what));
            row.push_back(span.cpu);
            row.push_back(to_thousandth(static_cast<double>(span.from) / static_cast<double>(us)));
            row.push_back(to_thousandth(static_cast<double>(span.to) / static_cast<double>(us)));
        }
    }
    return row;
}

/// Until when a timeline can be drawn with as many pieces as a page bears.
nanoseconds end_of_picture(const std::vector<timeline>& rows, nanoseconds duration) {
    std::vector<nanoseconds> starts;
    for (const timeline& row : rows) {
        for (const activity_span& span : row) {
            starts.push_back(span.from);
        }
    }
    if (starts.size() <= most_pieces) {
        return duration;
    }
    std::ranges::nth_element(starts, starts.begin() + most_pieces);
    return starts[most_pieces];
}

nlohmann::json lag_row(const std::vector<lag_sample>& samples, std::size_t task) {
    nlohmann::json row = nlohmann::json::array();
    for (const lag_sample& sample : samples) {
        row.push_back(to_thousandth(sample.lag_ms[task]));
    }
    return row;
}

nlohmann::json times_of(const std::vector<lag_sample>& samples) {
    nlohmann::json row = nlohmann::json::array();
    for (const lag_sample& sample : samples) {
        row.push_back(milliseconds(sample.at));
    }
    return row;
}

nlohmann::json policy_data(const outcome& all, const policy_outcome& one) {
    std::vector<timeline> timelines = timelines_of(one.run);
    const std::size_t rows = std::min(timelines.size(), most_rows);
    timelines.resize(rows);
    const nanoseconds end = end_of_picture(timelines, all.work.duration);
    nlohmann::json made{
        {"policy", one.run.policy}, {"end", milliseconds(end)}, {"tasks", nlohmann::json::array()}};
    for (std::size_t i = 0; i < rows; ++i) {
        const task_measures& task = one.measured.tasks[i];
        made["tasks"].push_back({{"name", one.run.tasks[i].name},
                                 {"share", to_thousandth(100 * task.share)},
                                 {"ideal", to_thousandth(100 * task.ideal)},
                                 {"wakes", task.latency.count},
                                 {"p50", to_thousandth(milliseconds(task.latency.p50))},
                                 {"p99", to_thousandth(milliseconds(task.latency.p99))},
                                 {"lag", lag_row(one.measured.lag, i)},
                                 {"lagShown", lag_row(one.measured.lag_shown, i)},
                                 {"pieces", row_of(timelines[i], end)}});
    }
    return made;
}

nlohmann::json data_of(const outcome& all) {
    nlohmann::json made{{"from", milliseconds(all.work.shown.from)},
                        {"to", milliseconds(all.work.shown.to)},
                        {"duration", milliseconds(all.work.duration)},
                        {"cpus", all.work.cpus},
                        {"at", times_of(all.policies.front().measured.lag)},
                        {"atShown", times_of(all.policies.front().measured.lag_shown)},
                        {"policies", nlohmann::json::array()}};
    for (const policy_outcome& one : all.policies) {
        made["policies"].push_back(policy_data(all, one));
    }
    return made;
}

class body : private report::line_writer {
public:
    explicit body(const outcome& all) : all_(all) {}

    std::string text(std::string_view section) && {
        head();
        out_ += section;
        timelines();
        charts();
        for (const policy_outcome& one : all_.policies) {
            table(one);
        }
        return std::move(out_);
    }

private:
    void head() {
        const workload& work = all_.work;
        add("<h1>{}</h1>", escaped(work.title));
        if (all_.how.empty()) {
            add("<p class=\"soft\">{}: {} CPU{}, {}, a tick each {}, seed {}; simulated with "
                "weft::fair_queue</p>",
                escaped(work.name), work.cpus, work.cpus == 1 ? "" : "s", text_of(work.duration),
                text_of(work.tick), work.seed);
        } else {
            add("<p class=\"soft\">{}</p>", escaped(all_.how));
        }
        std::string_view rest = work.about;
        while (!rest.empty()) {
            const std::string_view paragraph = rest.substr(0, rest.find('\n'));
            add("<p class=\"about\">{}</p>", escaped(paragraph));
            rest.remove_prefix(std::min(paragraph.size() + 1, rest.size()));
        }
    }

    void timelines() {
        add("<h2>Who ran when</h2>");
        add("<p class=\"soft tools\">Wheel: zoom. Drag: move. <button id=\"whole\" type=\"button\">"
            "All of it</button> <button id=\"back\" type=\"button\">Back</button></p>");
        add("<p class=\"soft\">Filled: runs{}. Thin line: waits for a CPU. Dashed: its group waits "
            "for its quota. Nothing: sleeps.</p>",
            all_.work.cpus > 1 ? ", on the CPU of the number" : "");
        for (std::size_t p = 0; p < all_.policies.size(); ++p) {
            const recording& run = all_.policies[p].run;
            add("<figure><h3>{}</h3><div class=\"timeline\"><canvas id=\"timeline-{}\" "
                "role=\"img\" "
                "aria-label=\"Timeline of {} tasks under {}\"></canvas></div>",
                run.policy, p, run.tasks.size(), run.policy);
            if (run.tasks.size() > most_rows) {
                add("<p class=\"soft\">and {} more tasks</p>", run.tasks.size() - most_rows);
            }
            add("</figure>");
        }
        add("<noscript><p>Timelines and charts need JavaScript; the tables below do not.</p>"
            "</noscript>");
    }

    void chart(std::string_view id, std::string_view title, std::string_view caption) {
        add("<figure><h3>{}</h3><figcaption>{}</figcaption><div class=\"canvas\"><canvas id=\"{}\" "
            "role=\"img\" aria-label=\"{}\"></canvas></div></figure>",
            title, caption, id, title);
    }

    void charts() {
        add("<h2>What each got, and how long it waited</h2><div class=\"charts\">");
        chart("shares", "CPU time, %", "The line across a bar is the ideal share.");
        const bool wakes = std::ranges::any_of(
            all_.work.tasks, [](const task_spec& task) { return task.sleep.has_value(); });
        if (wakes) {
            chart("latency", "Wake-up latency, ms",
                  "99th percentile; the line across a bar is the median.");
        }
        add("</div><h2>Lag: how far each was behind</h2>");
        add("<p class=\"soft\">The time that a task should have had while it wanted to run, less "
            "the time that it had. Above zero: it is owed time.</p><div class=\"charts\">");
        for (std::size_t p = 0; p < all_.policies.size(); ++p) {
            const std::string& policy = all_.policies[p].run.policy;
            chart(fmt::format("lag-shown-{}", p), policy + ": lag, ms", "The part shown above.");
            chart(fmt::format("lag-{}", p), policy + ": lag, ms", "The whole run.");
        }
        add("</div><h2>All figures</h2>");
    }

    void table(const policy_outcome& one) {
        add("<details open><summary>{}: {} switches, idle {:.2f} %, switching {:.2f} %</summary>"
            "<div class=\"wide\"><table><tr><th>task</th><th>nice</th><th>CPU time, %</th>"
            "<th>ideal, %</th><th>wake-ups</th><th>p50</th><th>p99</th><th>longest</th>"
            "<th>longest wait</th><th>lag, ms</th></tr>",
            one.run.policy, one.measured.switches, 100 * one.measured.idle,
            100 * one.measured.switching);
        for (std::size_t i = 0; i < one.run.tasks.size(); ++i) {
            const task_measures& task = one.measured.tasks[i];
            const latency_summary& latency = task.latency;
            add("<tr><td>{}</td><td>{}</td><td>{:.2f}</td><td>{:.2f}</td><td>{}</td><td>{}</td>"
                "<td>{}</td><td>{}</td><td>{}</td><td>{:.1f} to {:.1f}</td></tr>",
                escaped(one.run.tasks[i].name), all_.work.tasks[one.run.tasks[i].spec].nice,
                100 * task.share, 100 * task.ideal, latency.count, time_of(latency, latency.p50),
                time_of(latency, latency.p99), time_of(latency, latency.longest),
                text_of(task.longest_wait), task.least_lag_ms, task.greatest_lag_ms);
        }
        for (std::size_t g = 0; g < all_.work.groups.size(); ++g) {
            const group_measures& group = one.measured.groups[g];
            add("<tr class=\"group\"><td>group {}</td><td></td><td>{:.2f}</td><td>{:.2f}</td>"
                "<td colspan=\"6\"></td></tr>",
                escaped(all_.work.groups[g].name), 100 * group.share, 100 * group.ideal);
        }
        add("</table></div></details>");
    }

    static std::string time_of(const latency_summary& of, nanoseconds time) {
        return of.count == 0 ? "&ndash;" : text_of(time);
    }

    const outcome& all_;
};

}  // namespace

std::string report_as_html(const outcome& all, std::string_view version, std::string_view section) {
    return report::to_text({.title = "weft sched: " + all.work.title,
                            .version = version,
                            .style = report::asset_sched_css(),
                            .body = body(all).text(section),
                            .script = report::asset_sched_js()},
                           data_of(all));
}

}  // namespace weft::sim
