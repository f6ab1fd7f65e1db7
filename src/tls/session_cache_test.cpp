// SPDX-License-Identifier: Apache-2.0
#include "tls/session_cache.h"

#include <gtest/gtest.h>

#include <string>

namespace weft::tls {
namespace {

session_ptr fresh() {
    return session_ptr(SSL_SESSION_new());
}

TEST(SessionCache, GivesTheNewestOnce) {
    session_cache cache(8);
    session_ptr older = fresh();
    session_ptr newer = fresh();
    const SSL_SESSION* const first = older.get();
    const SSL_SESSION* const second = newer.get();
    cache.put("a", std::move(older));
    cache.put("a", std::move(newer));
    EXPECT_EQ(cache.take("b"), nullptr);
    EXPECT_EQ(cache.take("a").get(), second);
    EXPECT_EQ(cache.take("a").get(), first);
    EXPECT_EQ(cache.take("a"), nullptr);
}

TEST(SessionCache, TheOldestOfARowMakesRoom) {
    session_cache cache(1);  // one row of 8
    for (int i = 0; i < 9; ++i) {
        cache.put("h" + std::to_string(i), fresh());
    }
    EXPECT_EQ(cache.take("h0"), nullptr);
    for (int i = 1; i < 9; ++i) {
        EXPECT_NE(cache.take("h" + std::to_string(i)), nullptr) << i;
    }
    cache.put("a", fresh());
    EXPECT_NE(cache.take("a"), nullptr);
}

TEST(SessionCache, WithoutRoomKeepsNothing) {
    session_cache cache(0);
    cache.put("a", fresh());
    EXPECT_EQ(cache.take("a"), nullptr);
}

}  // namespace
}  // namespace weft::tls
