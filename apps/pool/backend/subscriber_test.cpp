// SPDX-License-Identifier: Apache-2.0
#include "backend/subscriber.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace weft::pool {
namespace {

notification_ptr news(std::string channel, std::string message) {
    return std::make_shared<const notification>(
        notification{.channel = std::move(channel), .message = std::move(message)});
}

std::string taken(subscriber& from) {
    const auto told = from.take();
    return told ? told->messages : told.error().sqlstate;
}

TEST(Subscriber, IsToldOfItsChannelsInOrder) {
    subscriber it;
    it.ask("a");
    it.ask("b");
    EXPECT_TRUE(it.confirm("a"));
    EXPECT_TRUE(it.confirm("b"));
    EXPECT_FALSE(it.confirm("c"));
    for (const char* each : {"a", "b", "c", "a"}) {
        it.put(news(each, std::string(each) + ";"));
    }
    EXPECT_TRUE(it.bell.try_receive().has_value());
    EXPECT_EQ(taken(it), "a;b;a;");
    EXPECT_EQ(taken(it), "");
    EXPECT_FALSE(it.bell.try_receive().has_value());
}

TEST(Subscriber, WhatComesBeforeTheConfirmationWaitsForIt) {
    subscriber it;
    it.ask("kept");
    it.ask("dropped");
    it.ask("other");
    it.confirm("other");
    for (const char* each : {"kept", "other", "dropped", "kept"}) {
        it.put(news(each, std::string(each) + ";"));
    }
    EXPECT_EQ(taken(it), "other;");
    EXPECT_EQ(it.unconfirmed(), (std::vector<std::string>{"dropped", "kept"}));
    it.confirm("kept");
    it.forget("dropped");
    EXPECT_EQ(taken(it), "kept;kept;");
    EXPECT_EQ(it.count(), 2U);
    it.ask("kept");  // again: it stays confirmed
    EXPECT_TRUE(it.unconfirmed().empty());
}

TEST(Subscriber, SaysWhetherAllIsAscii) {
    subscriber it;
    it.ask("a");
    it.confirm("a");
    it.put(news("a", "x"));
    EXPECT_TRUE(it.take()->ascii);
    it.put(std::make_shared<const notification>(
        notification{.channel = "a", .message = "\xfc", .ascii = false}));
    it.put(news("a", "x"));
    EXPECT_FALSE(it.take()->ascii);
}

TEST(Subscriber, EndsRatherThanHoldMoreThanItMay) {
    subscriber it;
    it.ask("a");
    it.confirm("a");
    const notification_ptr long_one = news("a", std::string(most_untold_bytes / 5, 'x'));
    for (int i = 0; i < 4; ++i) {
        it.put(long_one);
    }
    for (int i = 0; i < 4; ++i) {
        EXPECT_EQ(taken(it).size(), most_untold_bytes / 5) << "not all at once";
    }
    for (int i = 0; i < 5; ++i) {
        it.put(long_one);
    }
    EXPECT_EQ(taken(it), "54000");
    EXPECT_EQ(long_one.use_count(), 1) << "it keeps nothing";
    it.put(long_one);
    EXPECT_EQ(long_one.use_count(), 1);
    it.end(std::make_shared<const report>(fatal_report("08006", "lost")));
    EXPECT_EQ(taken(it), "54000") << "the first reason stays";
}

TEST(Subscriber, SmallOnesAreCountedWithWhatKeepsThem) {
    subscriber it;
    it.ask("a");
    it.confirm("a");
    for (std::size_t i = 0; i < most_untold_bytes / 100; ++i) {
        it.put(news("a", "x"));
    }
    EXPECT_EQ(taken(it), "54000");
}

TEST(Subscriber, WhatIsDroppedAndWishedForAgainStays) {
    subscriber it;
    it.ask("a");
    it.confirm("a");
    it.put(news("a", "1;"));
    it.drop("a");
    EXPECT_EQ(taken(it), "") << "the transaction is not over";
    it.put(news("a", "2;"));
    EXPECT_TRUE(it.confirm_again("a"));
    it.settle();
    EXPECT_EQ(taken(it), "1;2;");
    it.ask("b");
    EXPECT_FALSE(it.confirm_again("b")) << "it is new";
    it.forget("b");
    it.put(news("a", "3;"));
    it.drop_all();
    it.settle();
    EXPECT_FALSE(it.hears("a"));
    EXPECT_EQ(it.unconfirmed(), std::vector<std::string>{"a"});
    it.put(news("a", "4;"));
    EXPECT_EQ(taken(it), "");
    EXPECT_TRUE(it.confirm("a"));
    EXPECT_EQ(taken(it), "3;4;");
    it.put(news("a", "5;"));
    it.forget("a");
    it.ask("a");
    it.confirm("a");
    EXPECT_EQ(taken(it), "") << "what came before is forgotten";
    it.forget("a");
    EXPECT_EQ(it.count(), 0U);
}

}  // namespace
}  // namespace weft::pool
