// SPDX-License-Identifier: Apache-2.0
#include "report_html.h"

#include <utility>

#include <fmt/format.h>

#include "report/html_page.h"
#include "report/line_writer.h"
#include "report_words.h"
#include "sched/report_html.h"

namespace weft::live {

namespace {

using report::escaped;

class section : private report::line_writer {
public:
    explicit section(const comparison& all) : all_(all) {}

    std::string text() && {
        for (const std::string& note : all_.notes) {
            add("<p class=\"soft\">{}</p>", escaped(note));
        }
        add("<h2>Kernel threads beside fibers</h2>");
        shares();
        lengths("Slices: until another task ran", &task_figures::slices, &side::slices);
        lengths("Turns: between two gaps", &task_figures::turns, &side::turns);
        if (has_latencies(all_)) {
            lengths("Wake-up latency", &task_figures::latencies, &side::latencies);
        }
        if (has_records(all_)) {
            lengths("Turns in the kernel's records", &task_figures::kernel_turns,
                    &side::kernel_turns);
        }
        ends();
        add("<p class=\"soft\">Below: the first round. Shares there are of all the CPUs' time, of "
            "which other programs may have had a part; idle is what the tasks did not have.</p>");
        return std::move(out_);
    }

private:
    void open_table(std::string_view title) {
        add("<details open><summary>{}</summary><div class=\"wide\"><table>", title);
    }
    void close_table() { add("</table></div></details>"); }

    void shares() {
        open_table("CPU time of all that the tasks had, %; errors in percent points");
        add("<tr><th>task</th><th>nice</th><th>ideal</th>");
        for (const side& one : all_.sides) {
            add("<th>{}</th><th>error</th><th>least to most</th>", name_of(one.kind));
        }
        add("</tr>");
        for (std::size_t i = 0; i < all_.names.size(); ++i) {
            add("<tr><td>{}</td><td>{}</td><td>{:.2f}</td>", escaped(all_.names[i]),
                sim::nice_of(all_.plan.work, all_.first.policies.front().run.tasks[i]),
                100 * all_.ideal[i]);
            for (const side& one : all_.sides) {
                const task_figures& task = one.tasks[i];
                add("<td>{:.2f}</td><td>{:+.2f}</td><td>{:.2f} to {:.2f}</td>", 100 * task.share,
                    task.error_points, 100 * task.least_share, 100 * task.greatest_share);
            }
            add("</tr>");
        }
        add("<tr><td>had of CPU</td><td></td><td></td>");
        for (const side& one : all_.sides) {
            add("<td>{:.2f}</td><td></td><td></td>", 100 * one.occupied);
        }
        add("</tr>");
        close_table();
    }

    void lengths(std::string_view title, length_summary task_figures::* of_task,
                 length_summary side::* of_side) {
        open_table(title);
        add("<tr><th>task</th><th></th><th>least</th><th>median</th><th>p99</th><th>most</th>"
            "<th>count</th></tr>");
        for (std::size_t i = 0; i < all_.names.size(); ++i) {
            for (const side& one : all_.sides) {
                row(all_.names[i], one.kind, one.tasks[i].*of_task);
            }
        }
        for (const side& one : all_.sides) {
            row("all", one.kind, one.*of_side);
        }
        close_table();
    }

    void row(std::string_view name, task_kind kind, const length_summary& of) {
        add("<tr><td>{}</td><td>{}</td>", escaped(name), name_of(kind));
        for (const nanoseconds one : {of.least, of.median, of.p99, of.greatest}) {
            if (of.count == 0) {
                add("<td>&ndash;</td>");
            } else {
                add("<td>{:.2f} ms</td>", sim::milliseconds(one));
            }
        }
        add("<td>{}</td></tr>", of.count);
    }

    void ends() {
        open_table("What ended the turns");
        add("<tr><th></th>");
        for (const side& one : all_.sides) {
            add("<th>{}</th>", name_of(one.kind));
        }
        add("</tr>");
        add("<tr><td>slices of whole ticks</td>");
        for (const side& one : all_.sides) {
            add("<td>{:.0f} %</td>", 100 * one.whole_ticks);
        }
        add("</tr>");
        for (std::size_t n = 0; n < turn_losses; ++n) {
            add("<tr><td>{}</td>", words_for_loss[n]);
            for (const side& one : all_.sides) {
                add("<td>{}</td>", one.lost[n]);
            }
            add("</tr>");
        }
        close_table();
        for (const side& one : all_.sides) {
            for (const std::string& sentence : sentences_on(one)) {
                add("<p class=\"soft\">{}</p>", escaped(sentence));
            }
        }
    }

    const comparison& all_;
};

}  // namespace

std::string report_as_html(const comparison& all, std::string_view version) {
    return sim::report_as_html(all.first, version, section(all).text());
}

}  // namespace weft::live
