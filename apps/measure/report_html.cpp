// SPDX-License-Identifier: Apache-2.0
#include "report_html.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "claims.h"
#include "figure_text.h"
#include "lab/summary.h"
#include "probe.h"
#include "report/asset.h"
#include "report/html_page.h"
#include "report/line_writer.h"
#include "report_charts.h"

WEFT_ASSET(measure_css);
WEFT_ASSET(measure_js);

namespace weft::measure {

namespace {

/// Of what comes from elsewhere, without control characters.
std::string escaped(std::string_view text) {
    return report::escaped(lab::printable(text));
}

constexpr double page = 4096;

/// The colour of a part of an address space.
std::string_view tone_of(std::string_view kind) {
    return kind == "stack"                                           ? "stacks"
           : kind == "heap" || kind == "data" || kind == "anonymous" ? "memory"
                                                                     : "shared";
}

class body : private report::line_writer {
public:
    body(const measurement& all, const std::vector<chart>& charts)
        : all_(all), claims_(claims_of(all)), charts_(charts) {}

    std::string text() && {
        head();
        claims();
        charts();
        map();
        disturbances();
        figures();
        facts();
        how();
        return std::move(out_);
    }

private:
    void head() {
        add("<h1>What people say, and what this machine says</h1>");
        add("<p class=\"soft\">{}; {}</p>", escaped(lab::machine_of(all_.machine)),
            escaped(all_.started_at));
        const auto count = [this](lab::mark mark) {
            return std::ranges::count(claims_, std::optional(mark), &claim_line::mark);
        };
        add("<p class=\"lead\">Of thirty claims {} hold, {} hold partly, {} are off; {} could not "
            "be decided here."
            "</p>",
            count(lab::mark::holds), count(lab::mark::partly), count(lab::mark::off),
            std::ranges::count_if(claims_, [](const auto& one) { return !one.mark; }) +
                count(lab::mark::undecided));
    }

    void claims() {
        add("<ul class=\"verdicts\">");
        for (const claim_line& one : claims_) {
            if (one.mark) {
                claim(one, lab::name_of(*one.mark), lab::name_of(*one.mark));
            }
        }
        add("</ul>");
        if (std::ranges::all_of(claims_, [](const auto& one) { return one.mark.has_value(); })) {
            return;
        }
        add("<details{}><summary>Not measured here</summary><ul class=\"verdicts\">",
            all_.figures.empty() ? " open" : "");
        for (const claim_line& one : claims_) {
            if (!one.mark) {
                claim(one, "undecided", "not here");
            }
        }
        add("</ul></details>");
    }

    void claim(const claim_line& one, std::string_view tone, std::string_view mark) {
        add("<li><span class=\"mark {}\">{}</span> <strong>{}</strong> {}: claimed "
            "{}<br>{}{}{}</li>",
            tone, mark, escaped(one.id), escaped(one.subject), escaped(one.claimed),
            escaped(one.measured),
            one.measured.empty() ? escaped(one.conclusion) : ": " + escaped(one.conclusion),
            one.doubtful ? " <em>(the machine was disturbed)</em>" : "");
    }

    void charts() {
        add("<div class=\"charts\">");
        for (const chart& chart : charts_) {
            const std::string description = escaped(description_of(chart));
            add("<figure{}><h3>{}</h3><figcaption>{}</figcaption>",
                chart.id == "costs" ? " class=\"whole\"" : "", escaped(chart.title),
                escaped(chart.caption));
            add("<div class=\"canvas\"><canvas id=\"chart-{}\" role=\"img\" "
                "aria-label=\"{}\"></canvas></div>"
                "<noscript><p>{}</p></noscript>",
                chart.id, description, description);
            if (!chart.curves.empty()) {
                add("<ul class=\"legend\">");
                for (const chart_curve& curve : chart.curves) {
                    add("<li><span style=\"--tone: var(--{})\"></span>{}{}</li>", curve.tone,
                        escaped(curve.label),
                        curve.law.empty()
                            ? ""
                            : "<small class=\"soft\"> " + escaped(curve.law) + "</small>");
                }
                add("</ul>");
            }
            add("</figure>");
        }
        add("</div>");
    }

    /// A line for each part; the bars are logarithmic from a page on, the dark ones what is
    /// resident.
    void map() {
        if (all_.map.empty()) {
            return;
        }
        double most = 2 * page;
        for (const address_part& one : all_.map) {
            most = std::max(most, one.reserved);
        }
        const auto length = [most](double bytes) {
            return bytes < page
                       ? 0.0
                       : 100 * (1 + std::log2(bytes / page)) / (1 + std::log2(most / page));
        };
        add("<figure class=\"whole\"><h3>A process and its threads</h3><figcaption>Its address "
            "space from low to high: reserved, and resident in darker bars, logarithmic. Threads "
            "and fibers have stacks of their own, all else is the process's; of its code and "
            "libraries other processes have the same pages.</figcaption>"
            "<div class=\"wide\"><table class=\"map\"><tr><th></th><th></th><th>reserved</th>"
            "<th>resident</th><th>of these not shared</th></tr>");
        for (const address_part& one : all_.map) {
            if (one.kind == "guard") {
                continue;
            }
            add("<tr><td title=\"{:#x} to {:#x}\">{}{}</td><td><span class=\"bar {}\" "
                "style=\"--reserved: {:.1f}%; --resident: {:.1f}%\"></span></td><td>{}</td>"
                "<td>{}</td><td>{}</td></tr>",
                one.from, one.to, escaped(one.kind),
                one.name.empty() ? "" : ", " + escaped(one.name), tone_of(one.kind),
                length(one.reserved), length(one.resident),
                figure_text(one.reserved, lab::unit::bytes),
                figure_text(one.resident, lab::unit::bytes),
                figure_text(one.own, lab::unit::bytes));
        }
        add("</table></div></figure>");
    }

    void disturbances() {
        std::vector<std::string> sentences;
        for (const probe_outcome& one : all_.probes) {
            if (!one.reason.empty()) {
                sentences.push_back(
                    fmt::format("{} {}: {}{}{}", one.name, name_of(one.state), one.reason,
                                one.lift.empty() ? "" : "; to lift it: ", one.lift));
            }
            for (const std::string& what : one.disturbances) {
                sentences.push_back(fmt::format("{}: {}", one.name, what));
            }
        }
        if (sentences.empty()) {
            return;
        }
        add("<div class=\"notes\"><h3>What was wrong; figures marked (?) were taken then</h3><ul>");
        for (const std::string& sentence : sentences) {
            add("<li>{}</li>", escaped(sentence));
        }
        add("</ul></div>");
    }

    void figures() {
        for (const probe_outcome& outcome : all_.probes) {
            const probe* const known = find_probe(outcome.name);
            if (known == nullptr || outcome.rounds == 0) {
                continue;
            }
            add("<details><summary>{}</summary><p class=\"soft\">{}</p><div class=\"wide\"><table>"
                "<tr><th></th><th>median</th><th>95 % interval</th><th>p99</th><th>samples</th>"
                "<th>outliers</th></tr>",
                escaped(known->what), escaped(known->how));
            for (const measured_figure& figure : all_.figures) {
                if (figure.probe == outcome.name) {
                    rows_of(figure);
                }
            }
            add("</table></div></details>");
        }
    }

    void rows_of(const measured_figure& figure) {
        add("<tr class=\"group\"><th colspan=\"6\">{} <code>{}</code>{}</th></tr>",
            escaped(figure.what), escaped(figure.id),
            figure.grows ? "<br><small>" + escaped(figure.grows->reason) + "</small>" : "");
        for (const figure_point& point : figure.points) {
            const summary& value = point.value;
            const std::string place = place_of(figure, point);
            add("<tr><td>{}</td><td>{}{}</td><td>{} to "
                "{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
                escaped(place), figure_text(value.median, figure.unit),
                point.doubtful ? " (?)" : "", figure_text(value.low, figure.unit),
                figure_text(value.high, figure.unit), figure_text(value.p99, figure.unit),
                value.samples, value.mild_outliers + value.severe_outliers);
        }
    }

    void facts() {
        if (all_.facts.empty()) {
            return;
        }
        add("<details><summary>Seen</summary><div class=\"wide\"><table>");
        for (const fact& one : all_.facts) {
            add("<tr><td>{}</td><td class=\"text\">{}</td></tr>", escaped(one.name),
                escaped(one.text));
        }
        add("</table></div></details>");
    }

    void how() {
        add("<details><summary>How it was measured</summary><p><code>{}</code></p>",
            escaped(all_.command_line));
        add("<p>weft {}, {}; {} rounds, seed {}, {:.0f} s{}.</p><div class=\"wide\"><table>",
            escaped(all_.weft_version), escaped(all_.machine.compiler), all_.rounds, all_.seed,
            all_.seconds, all_.quick ? ", quick" : "");
        for (const lab::limit& one : all_.machine.limits) {
            add("<tr><td>{}</td><td>{}</td></tr>", escaped(one.name), escaped(one.value));
        }
        add("</table></div></details>");
    }

    const measurement& all_;
    const std::vector<claim_line> claims_;
    const std::vector<chart>& charts_;
};

}  // namespace

std::string report_as_html(const measurement& all) {
    const auto charts = charts_of(all);
    return report::to_text({.title = "weft measure",
                            .version = all.weft_version,
                            .style = report::asset_measure_css(),
                            .body = body(all, charts).text(),
                            .script = report::asset_measure_js()},
                           charts_as_json(charts));
}

}  // namespace weft::measure
