// SPDX-License-Identifier: Apache-2.0
#include "session/replication.h"

#include <gtest/gtest.h>

namespace weft::pool {

namespace {

TEST(Replication, IsReadAsPostgresqlReadsIt) {
    for (const char* const text : {"true", "ON", "yes", "1", "t"}) {
        EXPECT_EQ(read_replication(text), replication::physical) << text;
    }
    for (const char* const text : {"false", "off", "No", "0", "f"}) {
        EXPECT_EQ(read_replication(text), replication::none) << text;
    }
    EXPECT_EQ(read_replication("DataBase"), replication::logical);
    for (const char* const text : {"", "2", "data", "logical"}) {
        EXPECT_FALSE(read_replication(text)) << text;
    }
}

}  // namespace

}  // namespace weft::pool
