// SPDX-License-Identifier: Apache-2.0
//
// The far end of the connection is the test's: it reads what the listener asks for and answers.
#include "backend/notification_listener.h"

#include <gtest/gtest.h>

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include <weft/future.h>

#include "backend/server_pool_test_support.h"
#include "wire/bytes.h"
#include "wire/message.h"

namespace weft::pool {
namespace {

class Listener : public ::testing::Test {
protected:
    static std::shared_ptr<subscriber> asks(std::string_view channel) {
        auto who = std::make_shared<subscriber>();
        who->ask(channel);
        who->confirm(channel);
        return who;
    }

    future<hearing> subscribe(const std::shared_ptr<subscriber>& who, std::string channel,
                              deadline until = longest_test_wait) {
        auto answered = std::make_shared<promise<hearing>>();
        auto when = answered->get_future();
        starter_.start({}, [this, who, channel, until, answered] {
            answered->set_value(listener_->subscribe(who, channel, servers_.connector(), until));
        });
        return when;
    }

    /// The next query that the listener sends; empty: it has closed.
    std::string asked(std::size_t connection = 0) {
        while (servers_.far_ends().size() <= connection) {
            this_fiber::yield();
        }
        socket& far = servers_.far_ends()[connection];
        std::string head(head_size, '\0');
        if (!far.read_exactly(std::as_writable_bytes(std::span(head)), longest_test_wait)) {
            return {};
        }
        std::string body(read_head(head)->size - head_size, '\0');
        EXPECT_TRUE(far.read_exactly(std::as_writable_bytes(std::span(body)), longest_test_wait));
        return head[0] == request::query ? std::string(body.c_str()) : std::string(1, head[0]);
    }

    void say(std::string_view bytes, std::size_t connection = 0) {
        EXPECT_TRUE(servers_.far_ends()[connection].write(std::as_bytes(std::span(bytes)),
                                                          longest_test_wait));
    }

    /// One who is heard at the channel "a".
    std::shared_ptr<subscriber> listens() {
        const auto who = asks("a");
        auto answered = subscribe(who, "a");
        EXPECT_EQ(asked(), "LISTEN \"a\"");
        say(done());
        EXPECT_EQ(answered.get(), hearing::heard);
        return who;
    }

    static std::string done(std::string_view tag = "LISTEN") {
        std::string out;
        put_command_complete(out, tag);
        put_ready(out, transaction::idle);
        return out;
    }
    static std::string refused() {
        std::string out;
        put_error(out, {.severity = "ERROR", .sqlstate = "25006", .message = "in recovery"});
        put_ready(out, transaction::idle);
        return out;
    }
    static std::string notified(std::string_view channel, std::string_view payload) {
        std::string out;
        message_builder(out, answer::notification).u32(7).text(channel).text(payload);
        return out;
    }

    static std::string told(subscriber& who) {
        (void)who.bell.receive(longest_test_wait);
        const auto what = who.take();
        return what ? what->messages : what.error().sqlstate;
    }

    template <class Body>
    void on_a_fiber(Body body) {
        on_one_worker([&] {
            listener_.emplace(
                starter_, followed_, [&](std::size_t ends) { lost_ += ends; }, patience_);
            body();
            for (socket& each : servers_.far_ends()) {
                each.close();
            }
            listener_.reset();
        });
    }

    fiber_starter starter_;
    parameter_names followed_;
    backends servers_;
    std::size_t lost_ = 0;
    listener_patience patience_;
    std::optional<notification_listener> listener_;
};

TEST_F(Listener, OneConnectionHearsForMany) {
    on_a_fiber([&] {
        const auto a = asks("news");
        const auto b = asks("news");
        auto first = subscribe(a, "news");
        EXPECT_EQ(asked(), "LISTEN \"news\"");
        auto second = subscribe(b, "news");
        EXPECT_EQ(asked(), "LISTEN \"news\"");
        EXPECT_NE(first.wait_for(0s), std::future_status::ready);
        say(notified("news", "before") + done());
        EXPECT_EQ(first.get(), hearing::heard);
        EXPECT_NE(second.wait_for(0s), std::future_status::ready);
        say(notified("news", "between") + done());
        EXPECT_EQ(second.get(), hearing::heard);
        say(notified("news", "x") + notified("other", "y"));
        EXPECT_EQ(told(*a), notified("news", "between"));
        EXPECT_EQ(told(*a), notified("news", "x"));
        EXPECT_EQ(told(*b), notified("news", "x"));
        const listener_status now = listener_->status();
        EXPECT_TRUE(now.connected);
        EXPECT_EQ(now.channels, 1U);
        EXPECT_EQ(now.clients, 2U);
        EXPECT_EQ(now.received, 4U);
        EXPECT_EQ(now.delivered, 3U);
        EXPECT_EQ(servers_.connects(), 1);
    });
}

TEST_F(Listener, StopsWhenTheLastOneHasGone) {
    on_a_fiber([&] {
        const auto a = asks("a \"b\"");
        const auto b = asks("a \"b\"");
        auto first = subscribe(a, "a \"b\"");
        auto second = subscribe(b, "a \"b\"");
        EXPECT_EQ(asked(), "LISTEN \"a \"\"b\"\"\"");
        EXPECT_EQ(asked(), "LISTEN \"a \"\"b\"\"\"");
        say(done() + done());
        EXPECT_EQ(first.get(), hearing::heard);
        EXPECT_EQ(second.get(), hearing::heard);
        listener_->unsubscribe(*a, "a \"b\"");
        say(notified("a \"b\"", "x"));
        EXPECT_EQ(told(*b), notified("a \"b\"", "x"));
        EXPECT_EQ(a->take()->messages, "");
        listener_->leave(*b);
        EXPECT_EQ(asked(), "UNLISTEN \"a \"\"b\"\"\"");
        EXPECT_EQ(listener_->status().channels, 0U);
    });
}

/// It is the answer to the last LISTEN that counts.
TEST_F(Listener, AChannelThatComesBackIsAskedForAnew) {
    on_a_fiber([&] {
        const auto a = asks("news");
        auto first = subscribe(a, "news");
        EXPECT_EQ(asked(), "LISTEN \"news\"");
        listener_->unsubscribe(*a, "news");
        EXPECT_EQ(asked(), "UNLISTEN \"news\"");
        auto second = subscribe(a, "news");
        EXPECT_EQ(asked(), "LISTEN \"news\"");
        say(done());
        let_others_run();
        EXPECT_NE(second.wait_for(0s), std::future_status::ready);
        say(done("UNLISTEN") + done());
        EXPECT_EQ(second.get(), hearing::heard);
        (void)first.get();
    });
}

TEST_F(Listener, SaysSoIfThereIsNoConnection) {
    on_a_fiber([&] {
        servers_.fail_next(fatal_report("53300", "too many"));
        EXPECT_EQ(subscribe(asks("a"), "a").get(), hearing::not_now);
        EXPECT_EQ(listener_->status().channels, 0U);
        auto next = subscribe(asks("a"), "a");
        EXPECT_EQ(asked(), "LISTEN \"a\"");
        say(done());
        EXPECT_EQ(next.get(), hearing::heard);
    });
}

TEST_F(Listener, SaysSoIfTheServerRefuses) {
    on_a_fiber([&] {
        const auto a = asks("a");
        auto first = subscribe(a, "a");
        auto second = subscribe(asks("b"), "b");
        EXPECT_EQ(asked(), "LISTEN \"a\"");
        EXPECT_EQ(asked(), "LISTEN \"b\"");
        say(refused() + done());
        EXPECT_EQ(first.get(), hearing::refused);
        EXPECT_EQ(second.get(), hearing::heard);
        EXPECT_EQ(a->take()->messages, "") << "it goes on";
    });
}

TEST_F(Listener, SaysSoIfTheServerSaysNothing) {
    on_a_fiber([&] {
        EXPECT_EQ(subscribe(asks("a"), "a", 1ms).get(), hearing::not_now);
        EXPECT_EQ(asked(), "LISTEN \"a\"");
        EXPECT_EQ(asked(), "UNLISTEN \"a\"");
        say(done() + done("UNLISTEN"));
        EXPECT_EQ(listener_->status().channels, 0U);
    });
}

TEST_F(Listener, ThoseWhoListenEndWithTheConnection) {
    on_a_fiber([&] {
        const auto a = asks("a");
        const auto b = asks("b");
        auto heard = subscribe(a, "a");
        EXPECT_EQ(asked(), "LISTEN \"a\"");
        say(done());
        EXPECT_EQ(heard.get(), hearing::heard);
        auto waits = subscribe(b, "b");
        EXPECT_EQ(asked(), "LISTEN \"b\"");
        servers_.far_ends()[0].close();
        EXPECT_EQ(told(*a), "08006");
        EXPECT_EQ(waits.get(), hearing::not_now);
        EXPECT_EQ(b->take()->messages, "") << "it has missed nothing";
        EXPECT_EQ(lost_, 1U);
        auto again = subscribe(b, "b");
        EXPECT_EQ(asked(1), "LISTEN \"b\"");
        say(done(), 1);
        EXPECT_EQ(again.get(), hearing::heard);
    });
}

TEST_F(Listener, WhatIsNoMessageEndsTheConnection) {
    for (const std::string_view wrong :
         {std::string_view("A\0\0\0\1", 5), std::string_view("A\xff\xff\xff\xff", 5),
          std::string_view("A\0\x20\0\0", 5)}) {
        SetUp();
        servers_ = backends();
        on_a_fiber([&] {
            const auto a = listens();
            say(wrong);
            EXPECT_EQ(told(*a), "08006");
        });
    }
}

TEST_F(Listener, MessagesComeInPieces) {
    on_a_fiber([&] {
        const auto a = listens();
        const std::string long_one = notified("a", std::string(100'000, 'x'));
        for (std::size_t at = 0; at < long_one.size(); at += 7'001) {
            say(std::string_view(long_one).substr(at, 7'001));
            let_others_run();
        }
        EXPECT_EQ(told(*a), long_one);
    });
}

TEST_F(Listener, AServerThatDoesNotAnswerIsGivenUp) {
    patience_ = {.idle = 5ms, .answer = 5ms};
    on_a_fiber([&] {
        const auto a = listens();
        EXPECT_EQ(asked(), "") << "it has to show that it is there";
        EXPECT_EQ(told(*a), "08006");
        EXPECT_EQ(lost_, 1U);
    });
}

TEST_F(Listener, AServerThatAnswersStays) {
    patience_ = {.idle = 5ms, .answer = 10s};
    on_a_fiber([&] {
        const auto a = listens();
        for (int i = 0; i < 3; ++i) {
            EXPECT_EQ(asked(), "");
            say(done(""));
        }
        say(notified("a", "x"));
        EXPECT_EQ(told(*a), notified("a", "x"));
        listener_->leave(*a);
        std::string last;
        while ((last = asked()).empty()) {
            say(done(""));
        }
        EXPECT_EQ(last, "UNLISTEN \"a\"");
        say(done("UNLISTEN"));
        EXPECT_EQ(asked(), "X") << "nobody needs it";
    });
}

TEST_F(Listener, WhoWaitsIsToldWhenItEnds) {
    on_a_fiber([&] {
        auto waits = subscribe(asks("a"), "a");
        EXPECT_EQ(asked(), "LISTEN \"a\"");
        listener_->end(fatal_report("57P01", "paused"));
        EXPECT_EQ(waits.get(), hearing::ended);
    });
}

TEST_F(Listener, EndsWhenItIsTold) {
    on_a_fiber([&] {
        listener_->end(fatal_report("57P01", "nobody listens yet"));
        const auto a = listens();
        listener_->end(fatal_report("57P01", "paused"));
        EXPECT_EQ(told(*a), "57P01");
        EXPECT_EQ(asked(), "X");
        EXPECT_EQ(asked(), "");
        EXPECT_FALSE(listener_->status().connected);
        EXPECT_FALSE(listener_->is_running());
        EXPECT_EQ(lost_, 0U) << "somebody wanted it";
    });
}

}  // namespace
}  // namespace weft::pool
