// SPDX-License-Identifier: Apache-2.0
#include "handover/message.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weft::pool::handover {

namespace {

/// What is written, read again.
template <class Message>
Message through(const Message& what) {
    const std::string bytes = encode(what);
    EXPECT_EQ(length_of(bytes).value(), bytes.size() - 4);
    auto read = decode(std::string_view(bytes).substr(4));
    EXPECT_TRUE(read) << read.error();
    return std::get<Message>(*read);
}

idle_client some_client() {
    return {.database = "shop",
            .user = "ann",
            .application_name = "app",
            .number = 17,
            .cancel_key = "abcd",
            .connected_us = 1ULL << 40,
            .active_us = 5,
            .parameters = {{"DateStyle", "ISO"}, {"TimeZone", ""}},
            .settings = std::string("work_mem\0set\0", 13),
            .statements = {{"", "a"}, {"s1", std::string("select 1\0\0\0", 11)}},
            .unread = "Q"};
}

TEST(HandoverMessage, IsReadAsItWasWritten) {
    EXPECT_EQ(through(hello()), hello());
    EXPECT_EQ(through(refusal{.why = "busy"}), refusal{.why = "busy"});
    doors open{.count = 2,
               .unix_file = "/tmp/.s.PGSQL.6432",
               .numbers = 10'000,
               .off = {.all_paused = false, .paused = {"shop", ""}, .disabled = {"stock"}}};
    EXPECT_EQ(through(open), open);
    open.off.all_paused = true;
    EXPECT_EQ(through(open), open);
    EXPECT_EQ(through(serving()), serving());
    EXPECT_EQ(through(some_client()), some_client());
    const cancel which{.number = 3, .key = "abcd"};
    EXPECT_EQ(through(which), which);
    pool_keys keys{.database = "shop", .user = "ann", .keys = {}};
    keys.keys.challenge = {.salt = std::string("\0s", 2), .iterations = 4096};
    keys.keys.client_key.fill(decltype(keys.keys.client_key)::value_type{7});
    const pool_keys read = through(keys);
    EXPECT_EQ(read.keys.challenge, keys.keys.challenge);
    EXPECT_EQ(read.keys.client_key, keys.keys.client_key);
    EXPECT_EQ(read.keys.server_key, keys.keys.server_key);
}

TEST(HandoverMessage, SaysHowManyDescriptorsComeAlong) {
    EXPECT_EQ(descriptors_of(doors{.count = 3, .unix_file = {}, .numbers = 1}), 3U);
    EXPECT_EQ(descriptors_of(some_client()), 1U);
    EXPECT_EQ(descriptors_of(serving()), 0U);
}

TEST(HandoverMessage, IsRefusedUnlessItIsWhole) {
    const std::string bytes = encode(some_client()).substr(4);
    for (std::size_t size = 0; size < bytes.size(); ++size) {
        EXPECT_FALSE(decode(bytes.substr(0, size))) << size;
    }
    EXPECT_FALSE(decode(bytes + "x"));
    EXPECT_FALSE(decode("?"));
}

TEST(HandoverMessage, IsRefusedIfItCannotBe) {
    const auto refused = [](const message& what) {
        return !decode(std::string_view(encode(what)).substr(4));
    };
    doors open;
    EXPECT_TRUE(refused(open)) << "there is none";
    open.count = 1;
    EXPECT_FALSE(refused(open));
    std::string neither = encode(open).substr(4);
    neither.at(neither.size() - 9) = '\2';  // before two empty lists
    EXPECT_FALSE(decode(neither)) << "a flag is 0 or 1";
    open.numbers = most_numbers + 1;
    EXPECT_TRUE(refused(open));
    idle_client who = some_client();
    who.number = 0;
    EXPECT_TRUE(refused(who));
    who = some_client();
    who.cancel_key = "long";
    who.cancel_key += "er";
    EXPECT_TRUE(refused(who));
    who = some_client();
    who.user = std::string("a\0b", 3);
    EXPECT_TRUE(refused(who));
    who = some_client();
    who.settings.pop_back();
    EXPECT_TRUE(refused(who));
}

TEST(HandoverMessage, HasALengthThatCanBe) {
    EXPECT_FALSE(length_of(std::string(4, '\0')));
    EXPECT_FALSE(length_of("\xff\xff\xff\xff"));
}

TEST(HandoverMessage, OfANewerVersionIsKnownAsSuch) {
    std::string bytes = encode(hello{.version = version + 1}).substr(4);
    bytes += "and more";
    const auto read = decode(bytes);
    ASSERT_TRUE(read);
    EXPECT_EQ(std::get<hello>(*read).version, version + 1);
}

}  // namespace

}  // namespace weft::pool::handover
