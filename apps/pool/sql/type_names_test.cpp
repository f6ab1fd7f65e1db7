// SPDX-License-Identifier: Apache-2.0
#include "sql/type_names.h"

#include <gtest/gtest.h>

namespace weft::pool {
namespace {

using numbers = std::vector<std::uint32_t>;

TEST(type_names, are_numbers_where_postgresql_has_them_of_itself) {
    EXPECT_EQ(type_numbers_of(""), numbers());
    EXPECT_EQ(type_numbers_of("int, TEXT"), (numbers{23, 25}));
    EXPECT_EQ(type_numbers_of("varchar(10), numeric(10, 2)"), (numbers{1043, 1700}));
    EXPECT_EQ(type_numbers_of("timestamp(3) with /* a */ time zone"), numbers{1184});
    EXPECT_EQ(type_numbers_of("int[], text[3][], pg_catalog.uuid"), (numbers{1007, 1009, 2950}));
}

TEST(type_names, are_none_where_only_the_server_knows) {
    for (const char* const types :
         {"mood", "public.text", "\"char\"", "\"int4\"", "int,", ",", "int, mood", "setof int",
          "interval day to second", "unknown", "float(24)", "int array", "int[", "int[] text",
          "x.int", "int 4", "a%type", "'int'"}) {
        EXPECT_EQ(type_numbers_of(types), std::nullopt) << types;
    }
}

}  // namespace
}  // namespace weft::pool
