// SPDX-License-Identifier: Apache-2.0
//
// A report as one HTML file that needs nothing else: the frame that all reports share, their common
// styles and Chart.js. Pure functions; any thread.
#pragma once

#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

namespace weft::report {

/// As text, or the value of an attribute, of HTML.
std::string escaped(std::string_view text);

/// The parts of a page that differ. Title and version are escaped here, the others are put in as
/// they are.
struct html_page {
    std::string title;
    std::string_view version;  ///< of weft
    std::string_view style;    ///< after the common styles
    std::string body;
    std::string_view script;  ///< after Chart.js
};

/// `data` is what the script finds as JSON in the element "data".
std::string to_text(const html_page& page, const nlohmann::json& data);

}  // namespace weft::report
