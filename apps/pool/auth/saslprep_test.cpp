// SPDX-License-Identifier: Apache-2.0
#include "auth/saslprep.h"

#include <gtest/gtest.h>

namespace weft::pool {
namespace {

TEST(saslprep, gives_the_examples_of_rfc_4013) {
    EXPECT_EQ(saslprep("I\u00adX"), "IX");
    EXPECT_EQ(saslprep("user"), "user");
    EXPECT_EQ(saslprep("USER"), "USER");
    EXPECT_EQ(saslprep("\u00aa"), "a");
    EXPECT_EQ(saslprep("\u2168"), "IX");
}

TEST(saslprep, maps_blanks_and_composes_letters) {
    EXPECT_EQ(saslprep("a\u00a0b\u3000c"), "a b c");
    EXPECT_EQ(saslprep("e\u0301"), "\u00e9");
}

TEST(saslprep, takes_the_bytes_of_what_it_does_not_allow) {
    // With what would vanish if it was prepared.
    const std::string_view refused[] = {
        "\u00ada\a",                        // a control character
        "\u00ad\u0627\u0031",               // from right to left, and then not
        "\u00ad\xff\xfe",                   // no UTF-8
        "\u00adpass\xc3",                   // cut
        "\u00ad\xc0\x80",                   // a NUL, too long
        "\u00ad\xed\xa0\x80",               // half of a pair of UTF-16
        "\u00ad\U0001f600",                 // not in Unicode 3.2
        std::string_view("\u00ada\0b", 5),  // a NUL
        "\u00ad",                           // nothing would be left
        "",
    };
    for (const std::string_view password : refused) {
        EXPECT_EQ(saslprep(password), password);
    }
}

TEST(saslprep, reads_long_passwords) {
    std::string letters;
    std::string numerals;
    for (int i = 0; i < 10'000; ++i) {
        numerals += "\u2168";
        letters += "IX";
    }
    EXPECT_EQ(saslprep(numerals), letters);
}

}  // namespace
}  // namespace weft::pool
