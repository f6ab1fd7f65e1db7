// SPDX-License-Identifier: Apache-2.0
#include "progress.h"

#include <gtest/gtest.h>

#include <string>

namespace weft::lab {
namespace {

struct screen {
    std::string text;
    double now = 0;

    progress::environment environment(bool live, std::size_t width = 80) {
        return {.write = [this](std::string_view more) { text += more; },
                .now = [this] { return now; },
                .live = live,
                .width = width};
    }
};

std::vector<progress_step> two_steps() {
    return {{.model = "fiber", .phase = "connect", .repeat = 1, .expected_seconds = 10},
            {.model = "fiber", .phase = "idle", .repeat = 1, .expected_seconds = 10}};
}

TEST(progress, says_nothing_but_notes_when_nobody_watches) {
    screen shown;
    {
        progress line(shown.environment(false), two_steps(), 1);
        line.begin(0);
        line.count(1, 2, "clients");
        line.note("a note");
    }
    EXPECT_EQ(shown.text, "a note\n");
}

TEST(progress, names_the_step_and_clears_the_line_at_its_end) {
    screen shown;
    {
        progress line(shown.environment(true), two_steps(), 1);
        line.begin(0);
        shown.now = 1;
        line.count(7300, 10'000, "clients");
    }
    EXPECT_NE(shown.text.find("[1/2] fiber: connect, 7,300 of 10,000 clients"), std::string::npos)
        << shown.text;
    EXPECT_TRUE(shown.text.ends_with("\r\x1b[K"));
}

TEST(progress, draws_at_most_ten_times_a_second) {
    screen shown;
    progress line(shown.environment(true), two_steps(), 1);
    line.begin(0);
    const std::size_t before = shown.text.size();
    line.count(1, 2, "clients");
    EXPECT_EQ(shown.text.size(), before);
}

TEST(progress, is_never_wider_than_the_terminal) {
    screen shown;
    progress line(shown.environment(true, 24), two_steps(), 3);
    line.begin(0);
    EXPECT_LE(shown.text.size(), std::string("\r\x1b[K").size() + 23);
}

TEST(progress, what_steps_took_corrects_the_rest) {
    screen shown;
    progress line(shown.environment(true), two_steps(), 1);
    line.begin(0);
    EXPECT_DOUBLE_EQ(line.remaining_seconds(), 20);
    shown.now = 5;
    line.begin(1);
    EXPECT_DOUBLE_EQ(line.remaining_seconds(), 5);
}

}  // namespace
}  // namespace weft::lab
