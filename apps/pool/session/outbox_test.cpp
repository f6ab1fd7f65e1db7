// SPDX-License-Identifier: Apache-2.0
#include "session/outbox.h"

#include <gtest/gtest.h>

namespace weft::pool {
namespace {

TEST(outbox, what_lies_together_is_not_copied) {
    const std::string_view bytes = "abcdef";
    outbox out;
    EXPECT_TRUE(out.empty());
    out.forward(bytes.substr(0, 2));
    out.forward(bytes.substr(2, 3));
    EXPECT_EQ(out.pending(), "abcde");
    EXPECT_EQ(out.pending().data(), bytes.data());
    out.sent(2);
    out.forward(bytes.substr(5));
    EXPECT_EQ(out.pending(), "cdef");
    EXPECT_EQ(out.pending().data(), bytes.data() + 2);
    out.sent(4);
    EXPECT_TRUE(out.empty());
}

TEST(outbox, what_was_left_out_does_not_go) {
    const std::string_view bytes = "abcdef";
    outbox out;
    out.forward(bytes.substr(0, 2));
    out.forward(bytes.substr(4));
    EXPECT_EQ(out.pending(), "abef");
}

TEST(outbox, made_bytes_keep_their_place) {
    const std::string_view bytes = "abcdef";
    outbox out;
    out.copy() += "1";
    out.forward(bytes.substr(0, 2));
    out.copy() += "2";
    out.forward(bytes.substr(2));
    EXPECT_EQ(out.pending(), "1ab2cdef");
    for (std::size_t left = 8; left > 0; --left) {
        EXPECT_EQ(out.pending().size(), left);
        EXPECT_FALSE(out.empty());
        out.sent(1);
    }
    EXPECT_TRUE(out.empty());
    EXPECT_EQ(out.pending(), "");
}

TEST(outbox, a_view_that_has_begun_to_go_may_be_added_to) {
    outbox out;
    out.forward("abc");
    out.sent(1);
    out.copy() += "de";
    EXPECT_EQ(out.pending(), "bcde");
    out.sent(3);
    out.copy() += "f";
    EXPECT_EQ(out.pending(), "ef");
    out.sent(2);
    EXPECT_TRUE(out.empty());
    out.forward("next");
    EXPECT_EQ(out.pending(), "next");
    out.clear();
    EXPECT_TRUE(out.empty());
}

}  // namespace
}  // namespace weft::pool
