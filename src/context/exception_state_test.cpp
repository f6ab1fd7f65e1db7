// SPDX-License-Identifier: Apache-2.0
#include "context/exception_state.h"

#include <gtest/gtest.h>

#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "context/strand_for_test.h"

namespace weft::context {
namespace {

/// Throws, waits in the handler, throws on from there, waits in the next one.
void throw_and_wait_twice(strand& self, int number, std::vector<int>& caught) {
    try {
        try {
            throw number;
        } catch (const int& n) {
            self.suspend();
            caught.push_back(n);
            throw;
        }
    } catch (const int& n) {
        self.suspend();
        EXPECT_NE(std::current_exception(), nullptr);
        caught.push_back(n);
    }
    EXPECT_EQ(std::current_exception(), nullptr);
}

TEST(exception_state, several_contexts_handle_exceptions_at_once) {
    constexpr int count = 5;
    std::vector<int> caught;
    std::vector<std::unique_ptr<strand>> strands;
    for (int i = 0; i < count; ++i) {
        strands.push_back(std::make_unique<strand>(
            [&caught, i](strand& self) { throw_and_wait_twice(self, i, caught); }));
    }
    // In a different order each time, so that a shared stack of exceptions would mix them up.
    for (int i = 0; i < count; ++i) {
        strands[static_cast<std::size_t>(i)]->resume();
        EXPECT_EQ(std::current_exception(), nullptr);
    }
    for (int i = 0; i < count; ++i) {
        strands[static_cast<std::size_t>(i * 2 % count)]->resume();
    }
    for (int i = count - 1; i >= 0; --i) {
        strands[static_cast<std::size_t>(i)]->resume();
    }
    for (const auto& s : strands) {
        EXPECT_TRUE(s->ended());
    }
    EXPECT_EQ(caught, (std::vector<int>{0, 2, 4, 1, 3, 4, 3, 2, 1, 0}));
}

TEST(exception_state, the_resumer_keeps_its_own_exception) {
    strand s([](strand& self) {
        EXPECT_EQ(std::current_exception(), nullptr);
        try {
            throw std::runtime_error("inside");
        } catch (const std::runtime_error&) {
            self.suspend();
            try {
                throw;
            } catch (const std::runtime_error& again) {
                EXPECT_STREQ(again.what(), "inside");
            }
        }
    });
    try {
        throw std::runtime_error("outside");
    } catch (const std::runtime_error&) {
        s.resume();
        try {
            throw;
        } catch (const std::runtime_error& again) {
            EXPECT_STREQ(again.what(), "outside");
        }
    }
    EXPECT_EQ(std::current_exception(), nullptr);
    s.resume();
    EXPECT_TRUE(s.ended());
}

TEST(exception_state, nested_handlers_each_keep_theirs) {
    std::string trace;
    auto body = [&trace](strand& self, char name) {
        try {
            throw std::string{name, '1'};
        } catch (const std::string& first) {
            self.suspend();
            try {
                throw std::string{name, '2'};
            } catch (const std::string& second) {
                self.suspend();
                try {
                    throw std::string{name, '3'};
                } catch (const std::string& third) {
                    self.suspend();
                    trace += third;
                }
                self.suspend();
                trace += second;
            }
            self.suspend();
            trace += first;
        }
    };
    strand a([&](strand& self) { body(self, 'a'); });
    strand b([&](strand& self) { body(self, 'b'); });
    while (!a.ended() || !b.ended()) {
        a.resume();
        b.resume();
    }
    EXPECT_EQ(trace, "a3b3a2b2a1b1");
}

/// Suspends while an exception passes by.
struct suspends_in_destructor {
    strand& self;
    int& uncaught;
    ~suspends_in_destructor() {
        self.suspend();
        uncaught = std::uncaught_exceptions();
    }
};

TEST(exception_state, an_exception_on_its_way_stays_with_its_context) {
    int uncaught_inside = -1;
    bool caught = false;
    strand s([&](strand& self) {
        try {
            const suspends_in_destructor guard{self, uncaught_inside};
            throw 7;
        } catch (int seven) {
            caught = seven == 7;
        }
    });
    s.resume();
    EXPECT_EQ(std::uncaught_exceptions(), 0);
    EXPECT_THROW(throw std::logic_error("meanwhile"), std::logic_error);
    s.resume();
    EXPECT_TRUE(s.ended());
    EXPECT_EQ(uncaught_inside, 1);
    EXPECT_TRUE(caught);
}

TEST(exception_state, moves_with_its_context_to_another_thread) {
    std::vector<int> caught;
    strand s([&](strand& self) { throw_and_wait_twice(self, 1, caught); });
    strand other([&](strand& self) { throw_and_wait_twice(self, 2, caught); });
    s.resume();
    std::thread([&] {
        other.resume();
        s.resume();
        EXPECT_EQ(std::current_exception(), nullptr);
    }).join();
    other.resume();
    std::thread([&] { other.resume(); }).join();
    s.resume();
    EXPECT_TRUE(s.ended());
    EXPECT_TRUE(other.ended());
    EXPECT_EQ(caught, (std::vector<int>{1, 2, 2, 1}));
    EXPECT_EQ(std::current_exception(), nullptr);
}

TEST(exception_state, belongs_to_the_thread) {
    exception_state* const mine = thread_exception_state();
    exception_state* theirs = nullptr;
    std::thread([&] { theirs = thread_exception_state(); }).join();
    EXPECT_EQ(thread_exception_state(), mine);
    EXPECT_NE(theirs, mine);
}

}  // namespace
}  // namespace weft::context
