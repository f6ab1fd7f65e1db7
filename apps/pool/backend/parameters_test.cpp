// SPDX-License-Identifier: Apache-2.0
#include "backend/parameters.h"

#include <gtest/gtest.h>

namespace weft::pool {
namespace {

class parameters : public ::testing::Test {
protected:
    std::size_t at(std::string_view name) const { return names_.index_of(name).value(); }

    parameter_set with(const parameter_set& set, std::string_view name, std::string_view value) {
        return with_value(table_, set, names_, at(name), value);
    }

    intern_table table_;
    const std::vector<std::string> extra_{"search_path", "timezone", ""};
    const parameter_names names_{extra_};
};

TEST_F(parameters, names_count_without_their_case_and_once) {
    EXPECT_EQ(names_.count(), parameter_names().count() + 1) << "timezone was there";
    EXPECT_EQ(names_.index_of("TIMEZONE"), names_.index_of("TimeZone"));
    EXPECT_EQ(names_[at("datestyle")], "DateStyle");
    EXPECT_FALSE(names_.index_of("work_mem"));
    EXPECT_FALSE(names_.index_of("TimeZon"));
    EXPECT_FALSE(names_.index_of(""));
}

TEST_F(parameters, equal_sets_are_one) {
    const parameter_set a = with(with(nullptr, "TimeZone", "UTC"), "application_name", "x");
    const parameter_set b = with(with(nullptr, "application_name", "x"), "TimeZone", "UTC");
    EXPECT_EQ(a, b);
    EXPECT_NE(a, with(a, "TimeZone", "CET"));
    EXPECT_EQ(a, with(with(a, "TimeZone", "CET"), "TimeZone", "UTC"));
    EXPECT_EQ(values_of(a, names_)[at("TimeZone")], "UTC");
    EXPECT_EQ(values_of(nullptr, names_)[at("TimeZone")], "");
}

TEST_F(parameters, only_what_differs_is_set) {
    const parameter_set server = with(with(nullptr, "TimeZone", "UTC"), "application_name", "x");
    const parameter_set client = with(server, "TimeZone", "Europe/Berlin");
    EXPECT_EQ(sql_to_set(names_, server, client), "SET TimeZone TO 'Europe/Berlin';");
    EXPECT_EQ(sql_to_set(names_, client, client), "");
    EXPECT_EQ(sql_to_set(names_, nullptr, with(nullptr, "DateStyle", "ISO, MDY")),
              "SET DateStyle TO 'ISO, MDY';");
}

TEST_F(parameters, what_the_client_does_not_know_stays) {
    const parameter_set server = with(nullptr, "TimeZone", "UTC");
    EXPECT_EQ(sql_to_set(names_, server, with(nullptr, "application_name", "x")),
              "SET application_name TO 'x';");
    EXPECT_EQ(sql_to_set(names_, server, nullptr), "");
}

TEST_F(parameters, an_empty_value_is_one) {
    const parameter_set server = with(nullptr, "application_name", "somebody else");
    const parameter_set client = with(nullptr, "application_name", "");
    EXPECT_EQ(sql_to_set(names_, server, client), "SET application_name TO '';");
}

// SET takes one text for one element and puts it into quotes.
TEST_F(parameters, lists_of_names_are_set_as_they_were_reported) {
    const parameter_set server = with(nullptr, "search_path", "\"$user\", public");
    EXPECT_EQ(sql_to_set(names_, nullptr, server),
              "SELECT pg_catalog.set_config('search_path','\"$user\", public',false);");
    EXPECT_EQ(sql_to_set(names_, server, with(server, "search_path", "")),
              "SELECT pg_catalog.set_config('search_path','',false);");
}

TEST_F(parameters, a_value_is_no_sql) {
    EXPECT_EQ(quoted_literal("plain"), "'plain'");
    EXPECT_EQ(quoted_literal(""), "''");
    EXPECT_EQ(quoted_literal("'; drop table t; --"), "'''; drop table t; --'");
    EXPECT_EQ(quoted_literal("a\\'b"), "E'a\\\\''b'");
}

}  // namespace
}  // namespace weft::pool
