// SPDX-License-Identifier: Apache-2.0
#include "report_terminal.h"

#include <algorithm>
#include <array>
#include <functional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "bundled.h"
#include "gantt.h"
#include "timeline.h"
#include "workload_file.h"

namespace weft::sim {

namespace {

/// Rows of a picture or a table; the others are counted.
constexpr std::size_t most_rows = 16;
constexpr std::size_t cell_width = 17;
constexpr std::size_t first_width = 13;  // of the column between label and policies
constexpr std::size_t least_label = 13;  // "Wake-up latency" is longer by two

constexpr std::string_view bold = "\x1b[1m";
constexpr std::string_view dim = "\x1b[2m";
constexpr std::string_view plain = "\x1b[0m";
constexpr std::array<std::string_view, 6> task_inks{"\x1b[32m", "\x1b[33m", "\x1b[34m",
                                                    "\x1b[35m", "\x1b[36m", "\x1b[31m"};

/// Without characters that are not ASCII: names have none, and neither do numbers.
std::string padded_left(std::string_view text, std::size_t width) {
    return fmt::format("{:>{}}", text, width);
}

std::string short_time(nanoseconds duration) {
    if (duration == 0) {
        return "0";
    }
    const auto number = [](double value) {
        return value < 9.95 ? fmt::format("{:.1f}", value) : fmt::format("{:.0f}", value);
    };
    const double in_us = static_cast<double>(duration) / static_cast<double>(us);
    return in_us < 999.5     ? fmt::format("{:.0f} us", in_us)
           : in_us < 999.5e3 ? number(in_us / 1e3) + " ms"
                             : number(in_us / 1e6) + " s";
}

std::string in_ms(nanoseconds at) {
    return fmt::format("{} ms", milliseconds(at));
}

class page {
public:
    page(const outcome& all, const report::terminal_style& style) : all_(all), style_(style) {
        for (const task_record* const task : tasks_of(all)) {
            (rows_.size() < most_rows ? rows_ : others_).push_back(task);
            label_ = std::max(label_, task->name.size());
        }
        for (const group_spec& group : all.work.groups) {
            label_ = std::max(label_, group.name.size() + 6);
        }
        label_ = std::min(label_, style.width - 2 - first_width - cell_width);
        const std::size_t room = style.width - label_ - 2 - first_width;
        columns_ = std::max<std::size_t>(room / cell_width, 1);
    }

    std::string text() && {
        head();
        pictures();
        for (std::size_t i = 0; i < all_.policies.size(); i += columns_) {
            shown_ = std::span(all_.policies).subspan(i);
            shown_ = shown_.first(std::min(columns_, shown_.size()));
            shares();
            latencies();
            longest_waits();
            lags();
            totals();
        }
        return std::move(out_);
    }

    std::string pictures_only() && {
        pictures();
        return std::move(out_);
    }

private:
    void pictures() {
        for (const policy_outcome& one : all_.policies) {
            picture(one);
        }
        legend();
    }

    void line(std::string_view text = {}, std::string_view ink = {}) {
        if (style_.colour && !ink.empty()) {
            out_ += fmt::format("{}{}{}\n", ink, text, plain);
        } else {
            out_ += fmt::format("{}\n", text);
        }
    }

    std::string label(std::string_view name) const {
        return fmt::format("  {:<{}}", name.substr(0, label_), label_);
    }

    void head() {
        const workload& work = all_.work;
        line(report::cut(work.title, style_.width), bold);
        line(fmt::format("{}: {} CPU{}, {}, a tick each {}, seed {}", work.name, work.cpus,
                         work.cpus == 1 ? "" : "s", text_of(work.duration), text_of(work.tick),
                         work.seed),
             dim);
    }

    void picture(const policy_outcome& one) {
        const window shown = all_.work.shown;
        const gantt_scale scale = scale_for(shown, all_.work.tick, style_.width - label_ - 3);
        line();
        line(fmt::format("{}, {} to {}, a column is {}", one.run.policy, in_ms(shown.from),
                         in_ms(shown.to), text_of(scale.column)),
             bold);
        const std::vector<timeline> timelines = timelines_of(one.run);
        const std::size_t rows = std::min(timelines.size(), most_rows);
        for (std::size_t i = 0; i < rows; ++i) {
            out_ += label(one.run.tasks[i].name) + ' ';
            row(gantt_row(timelines[i], shown.from, scale), one.run.tasks[i].spec + i);
            out_ += '\n';
        }
        if (timelines.size() > rows) {
            line(fmt::format("  and {} more", timelines.size() - rows), dim);
        }
    }

    void row(const std::vector<gantt_cell>& cells, std::size_t colour) {
        std::string_view ink;
        for (const gantt_cell& cell : cells) {
            const std::string_view wanted =
                cell.runs > 0 ? task_inks[colour % task_inks.size()] : dim;
            if (style_.colour && wanted != ink) {
                out_ += plain;
                out_ += wanted;
                ink = wanted;
            }
            out_ += sign_of(cell);
        }
        while (out_.ends_with(' ')) {
            out_.pop_back();
        }
        out_ += style_.colour ? plain : "";
    }

    /// Of a column: how much of it the task ran; on several CPUs, where.
    std::string_view sign_of(const gantt_cell& cell) const {
        constexpr double hardly = 1e-6;
        constexpr std::string_view digits =
            "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ@&";
        static_assert(digits.size() == most_cpus);
        constexpr std::array<std::string_view, 8> blocks{"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
        constexpr std::array<std::string_view, 3> ascii{"-", "=", "#"};
        if (cell.runs > hardly) {
            if (all_.work.cpus > 1 && cell.runs >= 0.5) {
                return digits.substr(cell.cpu, 1);
            }
            const auto level = [&cell](std::size_t levels) {
                return std::min(
                    static_cast<std::size_t>(cell.runs * static_cast<double>(levels) - hardly),
                    levels - 1);
            };
            return style_.unicode ? blocks[level(blocks.size())] : ascii[level(ascii.size())];
        }
        if (cell.throttled > hardly) {
            return "x";
        }
        return cell.waits <= hardly ? " " : style_.unicode ? "·" : ".";
    }

    void legend() {
        const bool several = all_.work.cpus > 1;
        const bool quota = std::ranges::any_of(
            all_.work.groups, [](const group_spec& group) { return group.quota != 0; });
        std::vector<std::string> signs;
        signs.push_back(fmt::format("{} runs, for how much of the column",
                                    style_.unicode ? "▁ to █" : "- = #"));
        if (several) {
            signs.emplace_back("0 to 9: runs on this CPU");
        }
        signs.push_back(fmt::format("{} waits for a CPU", style_.unicode ? "·" : "."));
        if (quota) {
            signs.emplace_back("x waits for its quota");
        }
        signs.emplace_back("blank: sleeps");
        line();
        std::string text;
        for (const std::string& sign : signs) {
            constexpr std::size_t gap = 3;
            // The signs are longer in bytes than in columns, which only breaks a line early.
            if (!text.empty() && text.size() + gap + sign.size() > style_.width) {
                line(std::exchange(text, {}), dim);
            }
            text += (text.empty() ? "  " : "   ") + sign;
        }
        line(text, dim);
    }

    // Tables: a column per policy.

    using cell_text = std::function<std::string(const policy_outcome&, const task_measures&)>;

    void header(std::string_view title, std::string_view first) {
        line();
        std::string text = fmt::format("{:<{}}{:>{}}", title, label_ + 2, first, first_width);
        for (const policy_outcome& one : shown_) {
            text += padded_left(one.run.policy, cell_width);
        }
        line(text, bold);
    }

    void row_of(const task_record& task, std::string_view first, const cell_text& cell) {
        std::string text = label(task.name) + padded_left(first, first_width);
        for (const policy_outcome& one : shown_) {
            const task_measures* const there = find_task(one, task.name);
            text += padded_left(there == nullptr ? "-" : cell(one, *there), cell_width);
        }
        line(text);
    }

    void rest() {
        if (!others_.empty()) {
            line(fmt::format("  and {} more", others_.size()), dim);
        }
    }

    static std::string percent(double part) { return fmt::format("{:.2f}", 100 * part); }

    static std::string share_of(double share, double ideal, bool one_ideal) {
        return one_ideal ? percent(share) : percent(share) + " of " + percent(ideal);
    }

    bool wakes(const task_record& task) const {
        return all_.work.tasks[task.spec].sleep.has_value();
    }

    void shares() {
        const bool one_ideal = has_one_ideal(all_);
        header("CPU time, %", one_ideal ? "nice  ideal" : "nice");
        for (const task_record* const task : rows_) {
            const std::string nice = nice_of(all_.work, *task);
            const std::string first =
                one_ideal
                    ? fmt::format("{} {:>6}", nice,
                                  percent(find_task(all_.policies.front(), task->name)->ideal))
                    : nice;
            row_of(*task, first, [one_ideal](const auto&, const task_measures& there) {
                return share_of(there.share, there.ideal, one_ideal);
            });
        }
        rest();
        for (std::size_t g = 0; g < all_.work.groups.size(); ++g) {
            const group_measures& ideal = all_.policies.front().measured.groups[g];
            std::string text = label("group " + all_.work.groups[g].name) +
                               padded_left(one_ideal ? percent(ideal.ideal) : "", first_width);
            for (const policy_outcome& one : shown_) {
                const group_measures& there = one.measured.groups[g];
                text += padded_left(share_of(there.share, there.ideal, one_ideal), cell_width);
            }
            line(text);
        }
        if (std::ranges::any_of(rows_, [this](const auto* task) { return wakes(*task); })) {
            line("  ideal of a sleeper: at most its use if it never waited", dim);
        }
        if (!one_ideal) {
            line("  \"of\": the ideal share of who was there under this policy", dim);
        }
    }

    void latencies() {
        if (std::ranges::any_of(rows_, [this](const auto* task) { return wakes(*task); })) {
            header("Wake-up latency", "median / p99");
            for (const task_record* const task : rows_) {
                if (wakes(*task)) {
                    row_of(*task, "", [](const auto&, const task_measures& there) {
                        const latency_summary& latency = there.latency;
                        if (latency.count == 0) {
                            return std::string(there.unserved == 0 ? "-" : "never ran");
                        }
                        return short_time(latency.p50) + " / " + short_time(latency.p99);
                    });
                }
            }
            rest();
        }
    }

    void longest_waits() {
        header("Longest wait", "");
        for (const task_record* const task : rows_) {
            row_of(*task, "", [](const auto&, const task_measures& there) {
                return short_time(there.longest_wait);
            });
        }
        rest();
    }

    void lags() {
        header("Lag, ms", "least to most");
        for (const task_record* const task : rows_) {
            row_of(*task, "", [](const auto&, const task_measures& there) {
                return fmt::format("{:.1f} to {:.1f}", there.least_lag_ms, there.greatest_lag_ms);
            });
        }
        rest();
    }

    void totals() {
        header("The machine", "");
        const auto add = [this](std::string_view name, const auto& cell) {
            std::string text = label(name) + padded_left("", first_width);
            for (const policy_outcome& one : shown_) {
                text += padded_left(cell(one), cell_width);
            }
            line(text);
        };
        const double seconds =
            static_cast<double>(all_.work.duration) / static_cast<double>(second);
        add("switches", [seconds](const policy_outcome& one) {
            return fmt::format("{:.0f} /s", static_cast<double>(one.measured.switches) / seconds);
        });
        add("idle", [](const policy_outcome& one) { return percent(one.measured.idle) + " %"; });
        if (all_.work.switch_cost != 0) {
            add("switching",
                [](const policy_outcome& one) { return percent(one.measured.switching) + " %"; });
        }
    }

    const outcome& all_;
    const report::terminal_style& style_;
    std::vector<const task_record*> rows_;
    std::vector<const task_record*> others_;
    std::size_t label_ = least_label;
    std::size_t columns_ = 1;  // policies beside each other
    std::span<const policy_outcome> shown_;
    std::string out_;
};

}  // namespace

std::string report_for_terminal(const outcome& all, const report::terminal_style& style) {
    return page(all, style).text();
}

std::string pictures_for_terminal(const outcome& all, const report::terminal_style& style) {
    return page(all, style).pictures_only();
}

std::string list_of_workloads(const report::terminal_style& style) {
    std::string out = "Bundled workloads:\n";
    std::size_t longest = 0;
    for (const bundled_workload& one : bundled_workloads()) {
        longest = std::max(longest, one.name.size());
    }
    for (const bundled_workload& one : bundled_workloads()) {
        const auto work = parse_workload(one.text, one.name);
        out += fmt::format("  {}{:<{}}{}  {}\n", style.colour ? bold : "", one.name, longest,
                           style.colour ? plain : "", work ? work->title : work.error());
    }
    out +=
        "\nTry: weft sched nice-ladder\n"
        "     weft sched interactive --policy cfs,eevdf,fifo,round_robin --html sched.html\n"
        "     weft sched --print interactive > mine.toml, change it, weft sched mine.toml\n";
    return out;
}

}  // namespace weft::sim
