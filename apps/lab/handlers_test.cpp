// SPDX-License-Identifier: Apache-2.0
#include "handlers.h"

#include "message.h"
#include "model_rig.h"

#include <gtest/gtest.h>

#include <array>
#include <chrono>

#include <unistd.h>

namespace weft::lab {
namespace {

TEST(work, is_parsed_as_it_is_written) {
    for (const char* text : {"echo", "compute:50", "sleep:1", "alloc:1024"}) {
        const auto what = parse_work(text);
        ASSERT_TRUE(what.has_value()) << what.error();
        EXPECT_EQ(to_string(*what), text);
    }
}

TEST(work, what_is_wrong_is_said) {
    for (const char* text : {"", "sing", "echo:1", "compute", "compute:", "compute:0", "compute:-1",
                             "compute:1x", "sleep:60000001", "alloc:1048577"}) {
        EXPECT_FALSE(parse_work(text).has_value()) << text;
    }
}

TEST(work, deadlines_allow_for_it) {
    using namespace std::chrono_literals;
    const work nothing;
    const work sleep{.kind = work_kind::sleep, .amount = 10'000'000};
    const work compute{.kind = work_kind::compute, .amount = 50'000};
    EXPECT_EQ(work_time(nothing, 10'000, 512), 0s);
    EXPECT_EQ(work_time(sleep, 10'000, 512), 200s);
    EXPECT_EQ(work_time(sleep, 10'000, 10'000), 10s);
    EXPECT_EQ(work_time(compute, 10'000, 512), 500s);
    EXPECT_EQ(connect_deadline(nothing, 10'000, 512), 120s);
    EXPECT_GT(connect_deadline(sleep, 10'000, 512), 200s);
    EXPECT_GT(connect_deadline(compute, 10'000, 512), 500s);
    EXPECT_EQ(round_deadline(nothing, 10'000), 60s);
    EXPECT_GT(round_deadline(compute, 10'000), 500s);
}

TEST(poison, is_in_the_message_and_unknown_ones_are_none) {
    message_format format(64);
    message_header header;
    header.poison = static_cast<std::uint8_t>(poison_kind::abort);
    EXPECT_EQ(poison_of(format.build(header)), poison_kind::abort);
    header.poison = 200;
    EXPECT_EQ(poison_of(format.build(header)), poison_kind::none);
    EXPECT_EQ(poison_of(std::array<std::byte, 4>{}), poison_kind::none);
}

TEST(poison, names_are_read_back) {
    for (const poison_kind kind :
         {poison_kind::crash, poison_kind::overflow, poison_kind::abort, poison_kind::leak}) {
        EXPECT_EQ(parse_poison(name_of(kind)), kind);
    }
    EXPECT_FALSE(parse_poison("arsenic").has_value());
}

TEST(poison, none_and_leak_let_the_handler_go_on) {
    obey(poison_kind::none);
    // In a child, or LeakSanitizer would find what it is told to lose.
    EXPECT_EXIT(
        {
            obey(poison_kind::leak);
            ::_exit(7);
        },
        ::testing::ExitedWithCode(7), "");
}

TEST(message, an_answer_in_pieces_is_checked_at_every_offset) {
    message_format format(100);
    message_header header;
    header.client = 3;
    header.sequence = 7;
    const auto whole = format.build(header);
    std::vector<std::byte> copy(whole.begin(), whole.end());
    for (std::size_t cut = 0; cut <= copy.size(); ++cut) {
        const auto bytes = std::span<const std::byte>(copy);
        EXPECT_TRUE(format.matches(header, 0, bytes.first(cut)));
        EXPECT_TRUE(format.matches(header, cut, bytes.subspan(cut)));
    }
    for (std::size_t i = 0; i < copy.size(); ++i) {
        copy[i] ^= std::byte{1};
        EXPECT_FALSE(format.matches(header, 0, copy)) << i;
        copy[i] ^= std::byte{1};
    }
    copy.push_back(std::byte{0});
    EXPECT_FALSE(format.matches(header, 0, copy));
}

}  // namespace
}  // namespace weft::lab
