// SPDX-License-Identifier: Apache-2.0
//
// The files of the HTML report, embedded at build time by report_assets.S.in.
#pragma once

#include <string_view>

extern "C" {
extern const char weft_lab_page_html[];
extern const char weft_lab_page_html_end[];
extern const char weft_lab_page_css[];
extern const char weft_lab_page_css_end[];
extern const char weft_lab_page_js[];
extern const char weft_lab_page_js_end[];
extern const char weft_lab_chart_js[];
extern const char weft_lab_chart_js_end[];
}

namespace weft::lab {

inline std::string_view page_html() noexcept {
    return {weft_lab_page_html, weft_lab_page_html_end};
}
inline std::string_view page_css() noexcept {
    return {weft_lab_page_css, weft_lab_page_css_end};
}
inline std::string_view page_js() noexcept {
    return {weft_lab_page_js, weft_lab_page_js_end};
}
inline std::string_view chart_js() noexcept {
    return {weft_lab_chart_js, weft_lab_chart_js_end};
}

}  // namespace weft::lab
