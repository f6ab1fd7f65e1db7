// SPDX-License-Identifier: Apache-2.0
#include "report_terminal.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "mark_ink.h"
#include "statistics.h"
#include "summary.h"
#include "text_page.h"
#include "units.h"
#include "verdicts.h"

namespace weft::lab {

namespace {

constexpr std::size_t label_width = 31;
constexpr std::size_t cell_width = 17;
constexpr std::size_t claim_indent = 5;

using report::ink;

std::string padded_left(std::string_view text, std::size_t width) {
    const std::size_t columns = columns_of(text);
    return std::string(columns < width ? width - columns : 0, ' ') + std::string(text);
}

class page : private text_page {
public:
    page(const results& run, const report::terminal_style& style) : text_page(style), run_(run) {}

    std::string text() && {
        head();
        table();
        poison();
        incomplete();
        verdicts();
        remarks();
        return std::move(out_);
    }

private:
    symbols signs() const { return style_.unicode ? symbols::unicode : symbols::ascii; }

    void head() {
        line();
        paragraph("", request_of(run_.run), 0, ink::bold);
        paragraph("", machine_of(run_.run.machine), 0, ink::dim);
        line();
    }

    std::string model_names() const {
        std::string names(label_width, ' ');
        for (const model_result& model : run_.models) {
            names += padded_left(name_of(model.model), cell_width);
        }
        return names;
    }

    std::string cell(const std::optional<estimate>& value, unit in, bool best) const {
        if (!value) {
            return padded_left("-", cell_width);
        }
        const std::string text = text_of(*value, in, signs());
        const std::string padded = padded_left((best ? "*" : "") + text, cell_width);
        return best ? painted(padded, ink::bold) : padded;
    }

    /// Empty when no model has the figure.
    std::string row(const metric& figure) const {
        std::vector<std::optional<estimate>> values;
        for (const model_result& model : run_.models) {
            values.push_back(estimate_of(model, figure));
        }
        if (std::ranges::none_of(values, [](const auto& value) { return value.has_value(); })) {
            return "";
        }
        const auto best = best_of(values, figure.better);
        std::string text = fmt::format("{:<{}}", "  " + std::string(figure.label), label_width);
        for (std::size_t i = 0; i < values.size(); ++i) {
            text += cell(values[i], figure.unit, best[i]);
        }
        return text;
    }

    void table() {
        std::optional<metric_group> group;
        for (const metric& figure : metrics()) {
            const std::string text = figure.brief ? row(figure) : "";
            if (text.empty()) {
                continue;
            }
            if (!group) {
                line(model_names(), ink::bold);
            }
            if (group != figure.group) {
                group = figure.group;
                line(title_of(*group, run_), ink::bold);
            }
            line(text);
        }
        if (!group) {
            line("Nothing was measured.");
            return;
        }
        line();
        paragraph("",
                  fmt::format("* best, or not to be told from the best here   {} farthest repeat "
                              "from the median   - not measured",
                              style_.unicode ? "±" : "+-"),
                  0, ink::dim);
    }

    void poison_row(const model_result& model, const poison_phase& phase) {
        line(fmt::format("  {:<12}{:>10}{:>12}{:>12}   {}", name_of(model.model),
                         text_of_count(phase.poisoned), text_of_count(phase.died),
                         text_of_count(phase.survived), sentence_of(phase)),
             phase.server_died ? ink::red : ink::plain);
        if (!phase.last_words.empty()) {
            paragraph("    ", phase.last_words, 6, ink::dim);
        }
    }

    void poison() {
        bool titled = false;
        for (const model_result& model : run_.models) {
            for (const repeat& one : model.repeats) {
                if (!one.poison) {
                    continue;
                }
                if (!titled) {
                    line();
                    line(printable(fmt::format("poison: {} in the handler of a few clients",
                                               one.poison->kind)),
                         ink::bold);
                    line(fmt::format("  {:<12}{:>10}{:>12}{:>12}   {}", "", "poisoned", "died",
                                     "survived", "did the server go on?"),
                         ink::dim);
                    titled = true;
                }
                poison_row(model, *one.poison);
            }
        }
    }

    void incomplete() {
        const auto sentences = not_as_asked_for(run_);
        if (sentences.empty()) {
            return;
        }
        line();
        line("not as asked for", ink::bold);
        for (const std::string& sentence : sentences) {
            paragraph("  ", sentence, 4, ink::yellow);
        }
    }

    void verdicts() {
        const auto all = verdicts_of(run_);
        if (all.empty()) {
            return;
        }
        line();
        line("what people say, and what this machine says", ink::bold);
        for (const verdict& one : all) {
            const std::string text =
                wrapped(fmt::format("{:<{}}", one.claim, claim_indent), printable(sentence_of(one)),
                        claim_indent, style_.width - (columns_of(name_of(one.mark)) + 3));
            out_ += text + " " + painted(fmt::format("[{}]", name_of(one.mark)), ink_of(one.mark)) +
                    "\n";
        }
    }

    void remarks() {
        const auto disturbances = disturbances_of(run_);
        if (disturbances.empty() && run_.run.warnings.empty()) {
            return;
        }
        line();
        if (!disturbances.empty()) {
            line("The machine was noisy: trust ratios more than figures.", ink::yellow);
        }
        for (const std::string& sentence : disturbances) {
            paragraph("  ", sentence, 4, ink::yellow);
        }
        for (const std::string& warning : run_.run.warnings) {
            paragraph("  ", "warning: " + warning, 4, ink::yellow);
        }
    }

    const results& run_;
};

}  // namespace

std::string report_for_terminal(const results& run, const report::terminal_style& style) {
    return page(run, style).text();
}

}  // namespace weft::lab
