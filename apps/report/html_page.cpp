// SPDX-License-Identifier: Apache-2.0
#include "html_page.h"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include <nlohmann/json.hpp>

#include "asset.h"

WEFT_ASSET(page_html);
WEFT_ASSET(common_css);
WEFT_ASSET(common_js);
WEFT_ASSET(chart_js);

namespace weft::report {

namespace {

using part = std::pair<std::string_view, std::string_view>;

/// JSON inside of a script element: no '<' may end the element.
std::string as_script_data(const nlohmann::json& document) {
    std::string safe;
    for (const char c : document.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace)) {
        if (c == '<') {
            safe += "\\u003c";
        } else {
            safe += c;
        }
    }
    return safe;
}

/// The frame with each {{name}} replaced; what is put in is not searched again.
std::string filled(std::string_view frame, std::span<const part> parts) {
    std::string out;
    for (;;) {
        const std::size_t open = frame.find("{{");
        const std::size_t close = frame.find("}}", open);
        if (close == std::string_view::npos) {
            out += frame;
            return out;
        }
        out += frame.substr(0, open);
        const auto found =
            std::ranges::find(parts, frame.substr(open + 2, close - open - 2), &part::first);
        if (found != parts.end()) {
            out += found->second;
        }
        frame.remove_prefix(close + 2);
    }
}

}  // namespace

std::string escaped(std::string_view text) {
    std::string safe;
    for (const char c : text) {
        switch (c) {
            case '&':
                safe += "&amp;";
                break;
            case '<':
                safe += "&lt;";
                break;
            case '>':
                safe += "&gt;";
                break;
            case '"':
                safe += "&quot;";
                break;
            default:
                safe += c;
        }
    }
    return safe;
}

std::string to_text(const html_page& page, const nlohmann::json& data) {
    const std::string title = escaped(page.title);
    const std::string version = escaped(page.version);
    const std::string data_text = as_script_data(data);
    const std::array<part, 9> parts{{{"title", title},
                                     {"version", version},
                                     {"common", asset_common_css()},
                                     {"common_script", asset_common_js()},
                                     {"style", page.style},
                                     {"body", page.body},
                                     {"data", data_text},
                                     {"library", asset_chart_js()},
                                     {"script", page.script}}};
    return filled(asset_page_html(), parts);
}

}  // namespace weft::report
