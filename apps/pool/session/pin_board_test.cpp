// SPDX-License-Identifier: Apache-2.0
#include "session/pin_board.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace weft::pool {
namespace {

std::vector<std::string> counters_of(const pin_board& board) {
    std::vector<std::string> out;
    board.visit_counters(
        [&](const std::string& tenant, const std::string& cause, const pin_board::counter& of) {
            out.push_back(tenant + " " + cause + " " + std::to_string(of.now) + " of " +
                          std::to_string(of.total));
        });
    return out;
}

std::vector<std::string> statements_on(const pin_board& board) {
    std::vector<std::string> out;
    board.visit([&](const pin& each) { out.push_back(each.statement); });
    return out;
}

pin pin_of(std::uint64_t id, const char* cause, const char* statement) {
    pin out;
    out.client_id = id;
    out.tenant = "shop";
    out.cause = cause;
    out.statement = statement;
    return out;
}

TEST(pin_board, has_those_that_are_and_counts_those_that_were) {
    using lines = std::vector<std::string>;
    pin_board board;
    {
        pin_board::place a;
        pin_board::place b;
        b.put(board, pin_of(2, "LISTEN", "listen b"));
        a.put(board, pin_of(1, "LISTEN", "listen a"));
        a.put(board, pin_of(1, "LOAD", "load ?"));
        EXPECT_EQ(statements_on(board), (lines{"listen a", "listen b"}))
            << "the first cause counts";
        a.clear();
        EXPECT_EQ(statements_on(board), lines{"listen b"});
        EXPECT_EQ(counters_of(board), lines{"shop LISTEN 1 of 2"});
        a.put(board, pin_of(1, "LOAD", "load ?"));
    }
    EXPECT_EQ(statements_on(board), lines{});
    EXPECT_EQ(counters_of(board), (lines{"shop LISTEN 0 of 2", "shop LOAD 0 of 1"}));
}

TEST(pin_board, adds_up_what_tenants_were_that_are_not_there_any_more) {
    pin_board board;
    const auto pin_once = [&](const std::string& tenant) {
        pin_board::place somebody;
        pin what = pin_of(2, "LISTEN", "listen a");
        what.tenant = tenant;
        somebody.put(board, std::move(what));
    };
    pin_board::place stays;
    stays.put(board, pin_of(1, "LISTEN", "listen a"));
    for (int i = 0; i < 2500; ++i) {
        pin_once("tenant" + std::to_string(i));
    }
    const auto counters = counters_of(board);
    EXPECT_LE(counters.size(), 1001u);
    EXPECT_TRUE(counters.front().starts_with("(others) LISTEN 0 of ")) << counters.front();
    EXPECT_EQ(std::ranges::count(counters, "shop LISTEN 1 of 1"), 1);
    std::uint64_t total = 0;
    board.visit_counters(
        [&](const auto&, const auto&, const pin_board::counter& of) { total += of.total; });
    EXPECT_EQ(total, 2501u);
}

}  // namespace
}  // namespace weft::pool
