// SPDX-License-Identifier: Apache-2.0
#include "auth/digest.h"

#include <gtest/gtest.h>

namespace weft::pool {
namespace {

TEST(base64, is_that_of_rfc_4648) {
    constexpr std::pair<std::string_view, std::string_view> vectors[] = {{"", ""},
                                                                         {"f", "Zg=="},
                                                                         {"fo", "Zm8="},
                                                                         {"foo", "Zm9v"},
                                                                         {"foob", "Zm9vYg=="},
                                                                         {"fooba", "Zm9vYmE="},
                                                                         {"foobar", "Zm9vYmFy"}};
    for (const auto& [bytes, text] : vectors) {
        EXPECT_EQ(to_base64(bytes), text);
        EXPECT_EQ(from_base64(text), bytes);
    }
}

TEST(base64, has_no_blanks_and_needs_its_padding) {
    for (const std::string_view text :
         {"Zg", "Zg=", "Zg===", "Z===", "====", "=", "Zm9v====", "Zg==Zg==", "Zm 9", " Zm9v",
          "Zm9v\n", "Zm9v   \n", "Zm9-", "Zm9_", "Z=9v", "Zm=v"}) {
        EXPECT_EQ(from_base64(text), std::nullopt) << text;
    }
    EXPECT_EQ(from_base64(std::string_view("Zm9\0", 4)), std::nullopt);
}

TEST(equal_in_constant_time, is_equality) {
    EXPECT_TRUE(equal_in_constant_time("", ""));
    EXPECT_TRUE(equal_in_constant_time("abc", "abc"));
    EXPECT_FALSE(equal_in_constant_time("abc", "abd"));
    EXPECT_FALSE(equal_in_constant_time("abc", "abcd"));
}

TEST(hmac_sha256, is_that_of_rfc_4231) {
    const scram_key key = hmac_sha256("Jefe", "what do ya want for nothing?");
    EXPECT_EQ(to_base64(bytes_of(key)), "W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM=");
}

}  // namespace
}  // namespace weft::pool
