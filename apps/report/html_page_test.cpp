// SPDX-License-Identifier: Apache-2.0
#include "html_page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace weft::report {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(html_page, every_placeholder_is_filled) {
    const std::string text = to_text({.title = "a title",
                                      .version = "1.2.3",
                                      .style = "b { color: red }",
                                      .body = "<p>some body</p>",
                                      .script = "/* a script */"},
                                     {{"answer", 42}});
    for (const char* const name :
         {"title", "version", "common", "style", "body", "data", "library", "script"}) {
        EXPECT_THAT(text, Not(HasSubstr("{{" + std::string(name) + "}}")));
    }
    EXPECT_THAT(text, HasSubstr("<title>a title</title>"));
    EXPECT_THAT(text, HasSubstr("weft 1.2.3"));
    EXPECT_THAT(text, HasSubstr("--paper")) << "the common styles";
    EXPECT_THAT(text, HasSubstr("b { color: red }"));
    EXPECT_THAT(text, HasSubstr("<p>some body</p>"));
    EXPECT_THAT(text, HasSubstr(R"(id="data">{"answer":42}</script>)"));
    EXPECT_THAT(text, HasSubstr("Chart.js v3"));
    EXPECT_THAT(text, HasSubstr("/* a script */"));
    EXPECT_THAT(text, HasSubstr("</html>"));
}

TEST(html_page, texts_cannot_become_markup_and_data_cannot_end_their_element) {
    const std::string text = to_text({.title = "</title><script>alert(1)",
                                      .version = "\"><script>alert(2)",
                                      .style = {},
                                      .body = {},
                                      .script = {}},
                                     "</script><script>alert(3)</script>");
    EXPECT_THAT(text, Not(HasSubstr("<script>alert")));
}

TEST(html_page, what_is_put_in_is_not_searched_again) {
    const std::string text = to_text(
        {.title = {}, .version = {}, .style = {}, .body = "{{script}}", .script = "once();"}, {});
    EXPECT_THAT(text, HasSubstr("{{script}}"));
}

}  // namespace
}  // namespace weft::report
