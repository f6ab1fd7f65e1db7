// SPDX-License-Identifier: Apache-2.0
//
// line_writer: base of what puts a text together line by line.
#pragma once

#include <iterator>
#include <string>
#include <utility>

#include <fmt/format.h>

namespace weft::report {

class line_writer {
protected:
    template <class... Args>
    void add(fmt::format_string<Args...> text, Args&&... args) {
        fmt::format_to(std::back_inserter(out_), text, std::forward<Args>(args)...);
        out_ += '\n';
    }

    std::string out_;
};

}  // namespace weft::report
