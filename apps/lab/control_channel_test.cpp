// SPDX-License-Identifier: Apache-2.0
#include "control_channel.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <string_view>
#include <thread>

#include <sys/socket.h>

namespace weft::lab {
namespace {

using namespace std::chrono_literals;

constexpr auto in_time = 20s;

void send_raw(const control_channel& from, std::string_view text) {
    ASSERT_EQ(::send(from.fd(), text.data(), text.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(text.size()));
}

TEST(control_channel, messages_arrive_in_order_and_whole) {
    auto pair = control_channel::make_pair();
    ASSERT_TRUE(pair.has_value());
    auto& [one, other] = *pair;
    const std::string large(300'000, 'x');
    std::jthread sender([&one, &large] {  // the pipe holds less than the large message
        EXPECT_TRUE(one.send({{"number", 1}}));
        EXPECT_TRUE(one.send({{"text", large}}));
    });
    EXPECT_EQ(other.receive(in_time).value()["number"], 1);
    EXPECT_EQ(other.receive(in_time).value()["text"], large);
    EXPECT_FALSE(other.has_line());
}

TEST(control_channel, has_line_knows_what_was_read_ahead) {
    auto pair = control_channel::make_pair();
    auto& [one, other] = *pair;
    send_raw(one, "{}\n{}\n{\"half");
    ASSERT_TRUE(other.receive(in_time));
    EXPECT_TRUE(other.has_line());
    ASSERT_TRUE(other.receive(in_time));
    EXPECT_FALSE(other.has_line());
}

TEST(control_channel, what_is_no_object_is_an_error_and_the_next_message_is_read) {
    auto pair = control_channel::make_pair();
    auto& [one, other] = *pair;
    send_raw(one, "nonsense\n[1]\n{\"a\": 1}\n");
    EXPECT_EQ(other.receive(in_time).error(), std::errc::bad_message);
    EXPECT_EQ(other.receive(in_time).error(), std::errc::bad_message);
    EXPECT_EQ(other.receive(in_time).value()["a"], 1);
}

TEST(control_channel, a_peer_that_dies_in_a_line_is_the_end) {
    auto pair = control_channel::make_pair();
    auto& [one, other] = *pair;
    send_raw(one, "{\"half");
    one.close();
    EXPECT_EQ(other.receive(in_time).error(), make_error_code(errc::unexpected_end_of_stream));
    EXPECT_FALSE(other.send({{"to", "nobody"}}));
}

TEST(control_channel, silence_ends_at_the_deadline) {
    auto pair = control_channel::make_pair();
    EXPECT_EQ(pair->second.receive(0s).error(), std::errc::timed_out);
}

TEST(control_channel, a_line_without_end_has_a_limit) {
    auto pair = control_channel::make_pair();
    auto& [one, other] = *pair;
    std::jthread sender([&one] {
        const std::string piece(1 << 20, 'x');
        while (::send(one.fd(), piece.data(), piece.size(), MSG_NOSIGNAL) > 0) {
        }
    });
    EXPECT_EQ(other.receive(in_time).error(), std::errc::message_size);
    other.close();
}

}  // namespace
}  // namespace weft::lab
