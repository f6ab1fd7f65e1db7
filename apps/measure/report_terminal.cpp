// SPDX-License-Identifier: Apache-2.0
#include "report_terminal.h"

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "claims.h"
#include "figure_text.h"
#include "lab/mark_ink.h"
#include "lab/summary.h"
#include "lab/text_page.h"
#include "lab/units.h"
#include "report/ink.h"

namespace weft::measure {

namespace {

using report::ink;

constexpr std::size_t claim_indent = 5;
constexpr std::size_t figure_indent = 4;

class results_page : private lab::text_page {
public:
    results_page(const measurement& all, const report::terminal_style& style)
        : text_page(style), all_(all) {}

    std::string text() && {
        head();
        claims();
        figures();
        facts();
        remarks();
        return std::move(out_);
    }

private:
    void head() {
        line();
        paragraph("",
                  fmt::format("{} of {} probes, {} rounds, seed {}, {:.0f} s{}", measured_probes(),
                              all_.probes.size(), all_.rounds, all_.seed, all_.seconds,
                              all_.quick ? ", quick: fewer points, wider intervals" : ""),
                  0, ink::bold);
        paragraph("", lab::machine_of(all_.machine), 0, ink::dim);
        line();
    }

    std::size_t measured_probes() const {
        return static_cast<std::size_t>(
            std::ranges::count(all_.probes, probe_state::ok, &probe_outcome::state));
    }

    void claims() {
        const auto lines = claims_of(all_);
        line("what people say, and what this machine says", ink::bold);
        std::map<std::string, std::string> missing;  // the claims by the reason
        for (const claim_line& one : lines) {
            if (!one.mark) {
                std::string& ids = missing[one.conclusion];
                ids += (ids.empty() ? "" : ", ") + one.id;
                continue;
            }
            const std::string_view mark = lab::name_of(*one.mark);
            const std::string text =
                fmt::format("{}: claimed {} -> {}: {}{}", one.subject, one.claimed, one.measured,
                            one.conclusion, one.doubtful ? " (the machine was disturbed)" : "");
            out_ += lab::wrapped(fmt::format("{:<{}}", one.id, claim_indent), lab::printable(text),
                                 claim_indent, style_.width - (mark.size() + 3));
            out_ += " " + painted(fmt::format("[{}]", mark), lab::ink_of(*one.mark)) + "\n";
        }
        for (const auto& [reason, ids] : missing) {
            paragraph("", fmt::format("{}: {}", reason, ids), claim_indent, ink::dim);
        }
    }

    void figures() {
        for (const probe_outcome& outcome : all_.probes) {
            bool first = true;
            for (const measured_figure& figure : all_.figures) {
                if (figure.probe != outcome.name) {
                    continue;
                }
                if (std::exchange(first, false)) {
                    line();
                    const probe* const known = find_probe(outcome.name);
                    line(known != nullptr ? known->what : std::string_view(outcome.name),
                         ink::bold);
                }
                one_figure(figure);
            }
        }
    }

    void one_figure(const measured_figure& figure) {
        std::string text = fmt::format("{}: ", figure.what);
        for (std::size_t i = 0; i < figure.points.size(); ++i) {
            const figure_point& point = figure.points[i];
            text += i == 0 ? "" : "; ";
            if (!figure.axis.empty()) {
                text += (i == 0 ? place_of(figure, point)
                                : place_text(point.at, figure.axis_unit, figure.places)) +
                        " ";
            }
            text += with_interval(point.value, figure.unit) + (point.doubtful ? " (?)" : "");
        }
        paragraph("  ", text, figure_indent);
        if (figure.grows) {
            paragraph("      ", figure.grows->reason, figure_indent + 2, ink::dim);
        }
    }

    void facts() {
        if (all_.facts.empty()) {
            return;
        }
        line();
        line("seen", ink::bold);
        for (const fact& one : all_.facts) {
            paragraph("  ", fmt::format("{}: {}", one.name, one.text), figure_indent);
        }
    }

    void remarks() {
        std::vector<std::string> sentences;
        for (const probe_outcome& outcome : all_.probes) {
            if (outcome.state == probe_state::skipped || outcome.state == probe_state::failed) {
                sentences.push_back(fmt::format(
                    "{} {}: {}{}{}", outcome.name, name_of(outcome.state), outcome.reason,
                    outcome.lift.empty() ? "" : "; to lift it: ", outcome.lift));
            }
            for (const std::string& disturbance : outcome.disturbances) {
                sentences.push_back(fmt::format("{}: {}", outcome.name, disturbance));
            }
        }
        if (!sentences.empty()) {
            line();
            line("what was wrong; figures marked (?) were taken then", ink::yellow);
        }
        for (const std::string& sentence : sentences) {
            paragraph("  ", sentence, figure_indent, ink::yellow);
        }
    }

    const measurement& all_;
};

class catalogue : private lab::text_page {
public:
    explicit catalogue(const report::terminal_style& style) : text_page(style) {}

    std::string list() && {
        for (const probe& one : all_probes()) {
            title_of(one);
            for (const figure_info& figure : one.figures) {
                paragraph("  ", fmt::format("{:<26} {}", figure.id, figure.what), 29);
            }
        }
        return std::move(out_);
    }

    std::string explanation(std::string_view name) && {
        for (const probe& one : all_probes()) {
            const bool fits =
                one.name == name || std::ranges::find(one.claims, name) != one.claims.end() ||
                std::ranges::find(one.figures, name, &figure_info::id) != one.figures.end();
            if (!fits) {
                continue;
            }
            title_of(one);
            paragraph("  ", one.how, 2);
            for (const figure_info& figure : one.figures) {
                paragraph("  ", fmt::format("{:<26} {}", figure.id, figure.what), 29);
            }
        }
        return std::move(out_);
    }

private:
    void title_of(const probe& one) {
        std::string claims;
        for (const std::string_view claim : one.claims) {
            claims += fmt::format("{}{}", claims.empty() ? "" : " ", claim);
        }
        paragraph("", fmt::format("{}: {} ({})", one.name, one.what, claims), 2, ink::bold);
    }
};

}  // namespace

std::string report_for_terminal(const measurement& all, const report::terminal_style& style) {
    return results_page(all, style).text();
}

std::string list_for_terminal(const report::terminal_style& style) {
    return catalogue(style).list();
}

std::string explanation_of(std::string_view name, const report::terminal_style& style) {
    return catalogue(style).explanation(name);
}

}  // namespace weft::measure
