// SPDX-License-Identifier: Apache-2.0
//
// However bytes are cut into pieces, both sides get the same.
#include <gtest/gtest.h>

#include <vector>

#include "session/conversation_test_support.h"

namespace weft::pool {
namespace {

using namespace say;

struct turn {
    bool of_client;
    std::string bytes;
};

std::vector<turn> long_talk() {
    return {
        {true, query("select 1") + query("begin")},
        {false, columns() + row("one") + done("SELECT 1") + ready() + done("BEGIN") + ready('T')},
        {true, parse("s", "select $1") + describe("s") + bind("s") + execute() + sync()},
        {false, parsed() + parameter_types() + columns() + bound() + row("two")},
        {false, done("SELECT 1") + ready('T')},
        {true, parse("t", "select 2") + parse("u", "select 3") + close("s") + bind("t") + flush()},
        {false, parsed() + closed() + parsed() + bound()},
        {true, bind("u") + bind("nobody") + bind("t") + sync()},
        {false, bound() + error() + ready('E')},
        {true, query("rollback") + parse("", "copy") + bind("") + execute() + sync()},
        {false, done("ROLLBACK") + ready() + parsed() + bound() + copy_in()},
        {true, copy_data("1\n") + copy_data("2\n") + copy_done() + sync()},
        {false, done("COPY 2") + parameter("TimeZone", "UTC") + ready()},
        {true, query("discard all") + parse("s", "select 4") + sync()},
        {false, done("DISCARD ALL") + ready() + closed() + parsed() + ready()},
    };
}

struct outcome {
    std::string server;
    std::string client;
    bool over = false;

    bool operator==(const outcome&) const = default;
};

/// Turn number `cut` is cut at `at`, the others come in pieces.
outcome run(const std::vector<turn>& turns, std::size_t piece, std::size_t cut = ~std::size_t{0},
            std::size_t at = 0) {
    talk t(2);
    for (std::size_t i = 0; i < turns.size(); ++i) {
        const auto say = [&](std::string_view bytes) {
            turns[i].of_client ? t.client(bytes, piece) : t.server(bytes, piece);
        };
        const std::string_view bytes = turns[i].bytes;
        say(bytes.substr(0, i == cut ? at : bytes.size()));
        if (i == cut) {
            say(bytes.substr(at));
        }
    }
    EXPECT_EQ(t.error(), "");
    EXPECT_EQ(t.left(), 0U);
    return {t.server_got(), t.client_got(), t.over()};
}

TEST(pieces, the_talk_is_what_it_is_meant_to_be) {
    const outcome whole = run(long_talk(), std::string::npos);
    EXPECT_TRUE(whole.over);
    EXPECT_EQ(whole.client,
              "T D(one) C(SELECT 1) Z(I) C(BEGIN) Z(T) 1 t T 2 D(two) C(SELECT 1) Z(T) 1 1 3 2 2 "
              "E Z(E) C(ROLLBACK) Z(I) 1 2 G C(COPY 2) S(TimeZone UTC) Z(I) C(DISCARD ALL) Z(I) 1 "
              "Z(I)");
}

TEST(pieces, of_one_size) {
    const outcome whole = run(long_talk(), std::string::npos);
    for (std::size_t piece = 1; piece < 40; ++piece) {
        EXPECT_EQ(run(long_talk(), piece), whole) << piece;
    }
}

TEST(pieces, cut_anywhere) {
    const std::vector<turn> turns = long_talk();
    const outcome whole = run(turns, std::string::npos);
    for (std::size_t cut = 0; cut < turns.size(); ++cut) {
        for (std::size_t at = 1; at < turns[cut].bytes.size(); ++at) {
            ASSERT_EQ(run(turns, std::string::npos, cut, at), whole) << cut << ", " << at;
        }
    }
}

}  // namespace
}  // namespace weft::pool
