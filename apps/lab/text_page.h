// SPDX-License-Identifier: Apache-2.0
//
// text_page: a report for a terminal, made line by line. Base of what makes one. One thread.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "report/ink.h"
#include "units.h"

namespace weft::lab {

class text_page {
protected:
    explicit text_page(const report::terminal_style& style) : style_(style) {}

    [[nodiscard]] std::string painted(std::string_view text, report::ink colour) const {
        return report::painted(text, colour, style_);
    }
    void line(std::string_view text = "", report::ink colour = report::ink::plain) {
        out_ += painted(text, colour);
        out_ += '\n';
    }
    /// Wrapped to the width of the page; `text` may hold anything.
    void paragraph(std::string_view first, std::string_view text, std::size_t indent,
                   report::ink colour = report::ink::plain) {
        line(wrapped(first, printable(text), indent, style_.width), colour);
    }

    const report::terminal_style& style_;
    std::string out_;
};

}  // namespace weft::lab
