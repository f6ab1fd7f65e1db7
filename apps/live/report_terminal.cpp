// SPDX-License-Identifier: Apache-2.0
#include "report_terminal.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "report_words.h"
#include "sched/report_terminal.h"

namespace weft::live {

namespace {

constexpr std::size_t most_rows = 16;
constexpr std::size_t least_label = 13;
constexpr std::size_t room_of_cells = 46;  // of the widest table, without the label

std::string padded(std::string_view text, std::size_t width) {
    return fmt::format("{:>{}}", text, width);
}

/// Three digits, however large.
std::string in_ms(nanoseconds time) {
    const double value = sim::milliseconds(time);
    return fmt::format("{:.{}f}", value, value < 9.995 ? 2 : value < 99.95 ? 1 : 0);
}

class page {
public:
    page(const comparison& all, const report::terminal_style& style) : all_(all), style_(style) {
        for (const std::string& name : all.names) {
            label_ = std::max(label_, name.size());
        }
        label_ = std::min(label_, style.width - room_of_cells);
        rows_ = std::min(all.names.size(), most_rows);
    }

    std::string text() && {
        head();
        out_ += sim::pictures_for_terminal(all_.first, style_);
        shares();
        lengths("Slices, ms: until another task ran", &task_figures::slices, &side::slices);
        lengths("Turns, ms: between two gaps", &task_figures::turns, &side::turns);
        if (has_latencies(all_)) {
            lengths("Wake-up latency, ms", &task_figures::latencies, &side::latencies);
        }
        if (has_records(all_)) {
            lengths("Turns in the kernel's records, ms", &task_figures::kernel_turns,
                    &side::kernel_turns);
        }
        ends();
        return std::move(out_);
    }

private:
    void line(std::string_view text = {}, std::string_view ink = {}) {
        out_ += style_.colour && !ink.empty() ? fmt::format("{}{}\x1b[0m\n", ink, text)
                                              : fmt::format("{}\n", text);
    }
    void title(std::string_view text) {
        line();
        line(text, "\x1b[1m");
    }
    /// Broken between words; further lines are indented.
    void paragraph(std::string_view text) {
        for (std::string_view indent = "  "; !text.empty(); indent = "    ") {
            const std::size_t room = style_.width - indent.size();
            std::size_t length = text.size();
            if (length > room) {
                length = text.rfind(' ', room);
                length = length == std::string_view::npos ? room : length;
            }
            line(fmt::format("{}{}", indent, text.substr(0, length)), "\x1b[2m");
            text.remove_prefix(std::min(text.size(), length));
            text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
        }
    }

    std::string label(std::string_view name) const {
        return fmt::format("  {:<{}}", name.substr(0, label_), label_);
    }

    void head() {
        line(report::cut(all_.plan.work.title, style_.width), "\x1b[1m");
        paragraph(how_it_was_run(all_));
        for (const std::string& note : all_.notes) {
            paragraph(note);
        }
    }

    void shares() {
        std::string head =
            fmt::format("{:<{}}{:>5}{:>7}", "CPU time, %", label_ + 2, "nice", "ideal");
        for (const side& one : all_.sides) {
            head += padded(name_of(one.kind), 8) + padded("error", 8);
        }
        title(head);
        for (std::size_t i = 0; i < rows_; ++i) {
            const sim::task_record& task = all_.first.policies.front().run.tasks[i];
            std::string text = label(all_.names[i]) +
                               padded(sim::nice_of(all_.plan.work, task), 5) +
                               fmt::format("{:>7.2f}", 100 * all_.ideal[i]);
            for (const side& one : all_.sides) {
                text += fmt::format("{:>8.2f}{:>+8.2f}", 100 * one.tasks[i].share,
                                    one.tasks[i].error_points);
            }
            line(text);
        }
        rest();
        std::string worst = label("worst error") + padded("", 12);
        for (const side& one : all_.sides) {
            worst += fmt::format("{:>16.2f}", one.worst_error);
        }
        line(worst);
        std::string had = label("had of CPU, %") + padded("", 12);
        for (const side& one : all_.sides) {
            had += fmt::format("{:>8.2f}{:>8}", 100 * one.occupied, "");
        }
        had.erase(had.find_last_not_of(' ') + 1);
        line(had);
    }

    void rest() {
        if (all_.names.size() > rows_) {
            line(fmt::format("  and {} more", all_.names.size() - rows_), "\x1b[2m");
        }
    }

    void lengths(std::string_view what, length_summary task_figures::* of_task,
                 length_summary side::* of_side) {
        title(what);
        std::string head = label("") + fmt::format("{:<8}", "");
        for (const std::string_view column : {"least", "median", "p99", "most", "count"}) {
            head += padded(column, 7);
        }
        line(head, "\x1b[1m");
        const auto row = [this](std::string_view name, std::string_view kind,
                                const length_summary& of) {
            std::string text = label(name) + fmt::format("{:<8}", kind);
            for (const nanoseconds one : {of.least, of.median, of.p99, of.greatest}) {
                text += padded(of.count == 0 ? "-" : in_ms(one), 7);
            }
            line(text + fmt::format("{:>7}", of.count));
        };
        for (std::size_t i = 0; i < rows_; ++i) {
            for (const side& one : all_.sides) {
                row(&one == all_.sides.data() ? all_.names[i] : "", name_of(one.kind),
                    one.tasks[i].*of_task);
            }
        }
        rest();
        for (const side& one : all_.sides) {
            row(&one == all_.sides.data() ? "all" : "", name_of(one.kind), one.*of_side);
        }
    }

    void ends() {
        std::string head = fmt::format("{:<{}}", "Ends of turns", label_ + 18);
        for (const side& one : all_.sides) {
            head += padded(name_of(one.kind), 12);
        }
        title(head);
        const auto row = [this](std::string_view name, const auto& cell) {
            std::string text = fmt::format("  {:<{}}", name, label_ + 16);
            for (const side& one : all_.sides) {
                text += padded(cell(one), 12);
            }
            line(text);
        };
        row("turns per second",
            [](const side& one) { return fmt::format("{:.0f}", one.turns_per_second); });
        row("slices per second",
            [](const side& one) { return fmt::format("{:.0f}", one.slices_per_second); });
        row("slices of whole ticks, %",
            [](const side& one) { return fmt::format("{:.0f}", 100 * one.whole_ticks); });
        for (std::size_t n = 0; n < turn_losses; ++n) {
            row(words_for_loss[n], [n](const side& one) { return fmt::format("{}", one.lost[n]); });
        }
        row("gaps that were stalls", [](const side& one) {
            std::uint64_t stalls = 0;
            for (const task_figures& task : one.tasks) {
                stalls += task.stalls;
            }
            return fmt::format("{}", stalls);
        });
        for (const side& one : all_.sides) {
            for (const std::string& sentence : sentences_on(one)) {
                paragraph(sentence);
            }
        }
    }

    const comparison& all_;
    const report::terminal_style& style_;
    std::size_t label_ = least_label;
    std::size_t rows_ = 0;
    std::string out_;
};

}  // namespace

std::string report_for_terminal(const comparison& all, const report::terminal_style& style) {
    return page(all, style).text();
}

}  // namespace weft::live
