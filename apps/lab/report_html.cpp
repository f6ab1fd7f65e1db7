// SPDX-License-Identifier: Apache-2.0
#include "report_html.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "report/asset.h"
#include "report/html_page.h"
#include "report/line_writer.h"
#include "report_charts.h"
#include "statistics.h"
#include "summary.h"
#include "units.h"
#include "verdicts.h"

WEFT_ASSET(lab_css);
WEFT_ASSET(lab_js);

namespace weft::lab {

namespace {

/// Of what comes from elsewhere, without control characters.
std::string escaped(std::string_view text) {
    return report::escaped(printable(text));
}

std::string shown(const std::optional<estimate>& value, unit in) {
    return value ? text_of(*value, in, symbols::unicode) : "&ndash;";
}

class body : private report::line_writer {
public:
    body(const results& run, const std::vector<chart>& charts) : run_(run), charts_(charts) {}

    std::string text() && {
        head();
        list("Not as asked for", not_as_asked_for(run_));
        cards();
        charts();
        poison();
        verdicts();
        figures();
        list("The machine was noisy: trust ratios more than figures", disturbances_of(run_));
        list("Warnings", run_.run.warnings);
        machine();
        return std::move(out_);
    }

private:
    void head() {
        const run_info& info = run_.run;
        add("<h1>{} clients, {}</h1>", text_of_count(info.clients), escaped(names()));
        add("<p class=\"soft\">{}; {}</p>", escaped(request_of(info)), escaped(info.started_at));
        add("<p class=\"soft\">{}</p>", escaped(machine_of(info.machine)));
        if (const std::string headline = headline_of(run_); !headline.empty()) {
            add("<p class=\"lead\">{}</p>", escaped(headline));
        }
    }

    std::string names() const {
        if (run_.models.size() == 1) {
            return fmt::format("a {} each", name_of(run_.models.front().model));
        }
        std::vector<std::string_view> names;
        for (const model_result& model : run_.models) {
            names.push_back(name_of(model.model));
        }
        const std::string_view last = names.empty() ? "no model" : names.back();
        if (!names.empty()) {
            names.pop_back();
        }
        return fmt::format("a {} or {} each", fmt::join(names, ", "), last);
    }

    void list(std::string_view title, const std::vector<std::string>& sentences) {
        if (sentences.empty()) {
            return;
        }
        add("<div class=\"notes\"><h3>{}</h3><ul>", title);
        for (const std::string& sentence : sentences) {
            add("<li>{}</li>", escaped(sentence));
        }
        add("</ul></div>");
    }

    void cards() {
        constexpr std::array<std::pair<std::string_view, std::string_view>, 4> figures{{
            {"idle.all_bytes", "memory of an idle client"},
            {"closed.requests_per_s", "requests, closed loop"},
            {"closed.cpu_us", "server CPU per request"},
            {"open.p99_us", "p99 at the same rate"},
        }};
        const auto known = [this](const auto& figure) {
            return std::ranges::any_of(run_.models, [this, &figure](const model_result& model) {
                return estimate_of(run_, model.model, figure.first).has_value();
            });
        };
        if (std::ranges::none_of(figures, known)) {
            return;
        }
        add("<div class=\"cards\">");
        for (const model_result& model : run_.models) {
            add("<section class=\"card\" style=\"--tone: var(--{0})\"><h3>{0}</h3><dl>",
                name_of(model.model));
            for (const auto& [id, label] : figures) {
                if (const auto value = estimate_of(run_, model.model, id)) {
                    add("<dt>{}</dt><dd>{}</dd>", label,
                        text_of(value->median, find_metric(id)->unit, symbols::unicode));
                }
            }
            add("</dl></section>");
        }
        add("</div>");
    }

    void legend(const chart& chart) {
        std::vector<std::pair<std::string, std::string>> entries;
        if (chart.kind == chart_kind::percentiles) {
            for (const chart_curve& curve : chart.curves) {
                entries.emplace_back(name_of(curve.model), name_of(curve.model));
            }
        } else if (chart.series.size() > 1) {
            for (const chart_series& series : chart.series) {
                // Bars in the models' colours: the first one's shades stand for all.
                const std::string of(chart.rows.empty() ? "" : name_of(chart.rows.front()));
                entries.emplace_back(series.tone == "model"         ? of
                                     : series.tone == "model-light" ? of + "-light"
                                                                    : series.tone,
                                     series.label);
            }
        }
        if (entries.empty()) {
            return;
        }
        add("<ul class=\"legend\">");
        for (const auto& [tone, label] : entries) {
            add("<li><span style=\"--tone: var(--{})\"></span>{}</li>", tone, escaped(label));
        }
        add("</ul>");
    }

    void charts() {
        if (charts_.empty()) {
            return;
        }
        add("<div class=\"charts\">");
        for (const chart& chart : charts_) {
            const std::string description = escaped(description_of(chart));
            add("<figure><h3>{}</h3><figcaption>{}</figcaption>", escaped(chart.title),
                escaped(chart.caption));
            add("<div class=\"canvas\"><canvas id=\"chart-{}\" role=\"img\" aria-label=\"{}\">"
                "</canvas></div><noscript><p>{}</p></noscript>",
                chart.id, description, description);
            legend(chart);
            add("</figure>");
        }
        add("</div>");
    }

    void verdicts() {
        const auto all = verdicts_of(run_);
        if (all.empty()) {
            return;
        }
        add("<h2>What people say, and what this machine says</h2><ul class=\"verdicts\">");
        for (const verdict& one : all) {
            add("<li><span class=\"mark {0}\">{0}</span> <strong>{1}</strong> {2}: claimed {3}"
                "<br>{4}: {5}</li>",
                name_of(one.mark), escaped(one.claim), escaped(one.subject), escaped(one.claimed),
                escaped(one.measured), escaped(one.conclusion));
        }
        add("</ul>");
    }

    void poison() {
        std::vector<std::pair<model_id, const poison_phase*>> rows;
        for (const model_result& model : run_.models) {
            for (const repeat& one : model.repeats) {
                if (one.poison) {
                    rows.emplace_back(model.model, &*one.poison);
                }
            }
        }
        if (rows.empty()) {
            return;
        }
        add("<h2>Poison: {} in the handler of a few clients</h2>",
            escaped(rows.front().second->kind));
        add("<div class=\"wide\"><table><tr><th></th><th>poisoned</th><th>died</th>"
            "<th>survived</th><th class=\"text\">did the server go on?</th></tr>");
        for (const auto& [model, phase] : rows) {
            add("<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td class=\"text\">{}</td></tr>",
                name_of(model), text_of_count(phase->poisoned), text_of_count(phase->died),
                text_of_count(phase->survived),
                escaped(sentence_of(*phase)) +
                    (phase->last_words.empty() ? "" : "<br>" + escaped(phase->last_words)));
        }
        add("</table></div>");
    }

    void figures() {
        add("<details open><summary>All figures</summary><div class=\"wide\"><table><tr><th></th>");
        for (const model_result& model : run_.models) {
            add("<th>{}</th>", name_of(model.model));
        }
        add("</tr>");
        std::optional<metric_group> group;
        for (const metric& figure : metrics()) {
            std::vector<std::optional<estimate>> values;
            for (const model_result& model : run_.models) {
                values.push_back(estimate_of(model, figure));
            }
            if (std::ranges::none_of(values, [](const auto& one) { return one.has_value(); })) {
                continue;
            }
            if (group != figure.group) {
                group = figure.group;
                add("<tr class=\"group\"><th colspan=\"{}\">{}</th></tr>", values.size() + 1,
                    escaped(title_of(*group, run_)));
            }
            const auto best = best_of(values, figure.better);
            add("<tr><td>{}</td>", escaped(figure.label));
            for (std::size_t i = 0; i < values.size(); ++i) {
                add("<td{}>{}</td>", best[i] ? " class=\"best\"" : "",
                    shown(values[i], figure.unit));
            }
            add("</tr>");
        }
        add("</table></div><p class=\"soft\">Bold: the best, or not to be told from it here. ±: "
            "the "
            "farthest repeat from the median.</p></details>");
    }

    void machine() {
        const run_info& info = run_.run;
        add("<details><summary>How it was measured</summary>");
        add("<p><code>{}</code></p>", escaped(info.command_line));
        add("<p>weft {}, {}, {} of stack reserved for a thread, {} for a fiber, {} of "
            "measuring in each load phase, {} in all. Order of the models: {}.</p>",
            escaped(info.weft_version), escaped(info.machine.compiler),
            text_of_bytes(static_cast<double>(info.thread_stack_bytes)),
            text_of_bytes(static_cast<double>(info.fiber_stack_bytes)),
            text_of_time(info.duration_seconds * 1e6), text_of_time(info.elapsed_seconds * 1e6),
            order());
        add("<ul>");
        for (const model_result& model : run_.models) {
            add("<li>{}</li>", processes_of(model));
        }
        add("</ul>");
        add("<div class=\"wide\"><table>");
        for (const limit& one : info.machine.limits) {
            add("<tr><td>{}</td><td>{}</td></tr>", escaped(one.name), escaped(one.value));
        }
        add("</table></div></details>");
    }

    std::string order() const {
        std::vector<std::string_view> names;
        for (const model_id model : run_.run.order) {
            names.push_back(name_of(model));
        }
        return fmt::format("{}", fmt::join(names, ", "));
    }

    const results& run_;
    const std::vector<chart>& charts_;
};

}  // namespace

std::string report_as_html(const results& run) {
    const std::vector<chart> charts = charts_of(run);
    nlohmann::json data = nlohmann::json::array();
    for (const chart& one : charts) {
        data.push_back(chart_as_json(one));
    }
    return report::to_text(
        {.title = fmt::format("weft clients: {} clients", text_of_count(run.run.clients)),
         .version = run.run.weft_version,
         .style = report::asset_lab_css(),
         .body = body(run, charts).text(),
         .script = report::asset_lab_js()},
        data);
}

}  // namespace weft::lab
