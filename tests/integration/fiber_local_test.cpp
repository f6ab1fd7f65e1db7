// SPDX-License-Identifier: Apache-2.0
//
// fiber_local: one value for each fiber and thread, made late, ended with its owner, inherited or
// not.
#include <gtest/gtest.h>
#include <weft/fiber_local.h>

#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <weft/runtime.h>
#include <weft/scope.h>
#include <weft/task.h>

#include "counted.h"

namespace weft {
namespace {

using namespace std::chrono_literals;

constinit fiber_local<int> local_number;
constinit fiber_local<std::string> local_name([] { return std::string("nobody"); });
constinit fiber_local<std::string> request(inherited);

class FiberLocal : public ::testing::TestWithParam<unsigned> {
protected:
    runtime runtime_{{.workers = GetParam()}};
};
INSTANTIATE_TEST_SUITE_P(Workers, FiberLocal, ::testing::Values(1u, 2u, 4u));

TEST_P(FiberLocal, EachFiberHasItsOwn) {
    runtime_.run([] {
        with_scope([](scope& s) {
            for (int i = 0; i < 100; ++i) {
                s.spawn([i] {
                    EXPECT_EQ(*local_number, 0);
                    EXPECT_EQ(*local_name, "nobody");
                    *local_number = i;
                    *local_name = std::to_string(i);
                    for (int turn = 0; turn < 5; ++turn) {
                        this_fiber::yield();
                        this_fiber::sleep_for(10us);
                        EXPECT_EQ(*local_number, i);
                        EXPECT_EQ(local_name->size(), std::to_string(i).size());
                    }
                });
            }
        });
    });
}

TEST_P(FiberLocal, AndEachPlainThread) {
    *local_number = 5;
    std::thread([] {
        EXPECT_EQ(*local_number, 0);
        *local_number = 6;
    }).join();
    runtime_.run([] { EXPECT_EQ(*local_number, 0); });
    EXPECT_EQ(*local_number, 5);
    local_number.reset();
    EXPECT_EQ(*local_number, 0);
}

TEST_P(FiberLocal, IsInheritedIfItSaysSo) {
    *request = "of the thread";
    runtime_.run([] {
        EXPECT_EQ(*request, "of the thread");
        *request = "of the spawner";
        *local_number = 3;
        auto child = async([] {
            EXPECT_EQ(*local_number, 0);
            const std::string first = *request;
            *request = "of the child";
            return first + ", " + async([] { return *request; }).get();
        });
        EXPECT_EQ(child.get(), "of the spawner, of the child");
        EXPECT_EQ(*request, "of the spawner");
        request.reset();
        EXPECT_EQ(async([] { return *request; }).get(), "");
    });
    request.reset();
}

TEST_P(FiberLocal, EndsWithItsFiber) {
    static fiber_local<testing::counted> value(inherited);
    runtime_.run([] {
        for (int i = 0; i < 50; ++i) {
            spawn([] {
                value.get();
                spawn([] { this_fiber::sleep_for(10us); }).join();
            }).join();
            EXPECT_EQ(testing::counted::alive, 0);
        }
        EXPECT_THROW(spawn([] {
                         value.get();
                         throw 1;
                     }).join(),
                     int);
        EXPECT_EQ(testing::counted::alive, 0);
    });
}

/// The last that was made is the first to end, and what a destructor makes ends as well.
TEST_P(FiberLocal, EndsInReverseOrder) {
    static std::vector<int> ended;
    struct recorder {
        int local_number = 0;
        ~recorder() { ended.push_back(local_number); }
    };
    static fiber_local<recorder> late;
    struct maker {
        ~maker() { late->local_number = 3; }
    };
    static fiber_local<recorder> first;
    static fiber_local<recorder> second;
    static fiber_local<maker> third;
    ended.clear();
    runtime_.run([] {
        first->local_number = 1;
        second->local_number = 2;
        third.get();
    });
    EXPECT_EQ(ended, (std::vector{3, 2, 1}));
}

TEST_P(FiberLocal, MayEndBeforeItsValues) {
    runtime_.run([] {
        auto variable = std::make_unique<fiber_local<std::string>>();
        variable->get() = "a text that is too long for a small string";
        variable = std::make_unique<fiber_local<std::string>>();
        EXPECT_EQ(variable->get(), "");
    });
}

TEST_P(FiberLocal, AMakerThatThrowsLeavesNone) {
    static bool fails = true;
    static fiber_local<int> value([] { return fails ? throw std::runtime_error("no") : 4; });
    runtime_.run([] {
        fails = true;
        EXPECT_THROW(value.get(), std::runtime_error);
        fails = false;
        EXPECT_EQ(value.get(), 4);
    });
}

/// A copy may use others, which the spawner then has, too.
TEST_P(FiberLocal, ACopyThatUsesOthers) {
    static fiber_local<std::string> others[8];
    struct curious {
        curious() = default;
        curious(const curious&) {
            for (auto& other : others) {
                *other += "x";
            }
        }
    };
    static fiber_local<curious> first(inherited);
    static fiber_local<std::string> second(inherited);
    runtime_.run([] {
        first.get();
        *second = "kept";
        EXPECT_EQ(async([] { return *second; }).get(), "kept");
        EXPECT_EQ(*others[7], "x");
    });
}

TEST_P(FiberLocal, ACopyThatThrowsLeavesTheSpawn) {
    struct picky {
        picky() = default;
        picky(const picky&) { throw std::runtime_error("no copies"); }
    };
    static fiber_local<picky> value(inherited);
    runtime_.run([] {
        value.get();
        EXPECT_THROW(spawn([] {}).join(), std::runtime_error);
        value.reset();
        spawn([] {}).join();
    });
}

task<> ask_in_coroutine() {
    const int value = *local_number;
    EXPECT_EQ(value, 0);
    co_return;
}

TEST(FiberLocalDeathTest, HasNoValueInACoroutine) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_DEATH(run([] { sync_wait(ask_in_coroutine()); }), "a fiber_local in a coroutine");
}

}  // namespace
}  // namespace weft
