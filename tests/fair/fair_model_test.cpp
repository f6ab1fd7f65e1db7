// SPDX-License-Identifier: Apache-2.0
//
// A million random operations on two queues, pick by pick the same as the naive ones.
#include <gtest/gtest.h>

#include "model.h"

namespace weft {
namespace {

constexpr std::uint64_t operations = so_many(1'000'000);

/// Virtual time wraps around within the first turns.
constexpr std::uint64_t shortly_before_the_end = ~std::uint64_t{0} - 20'000'000;

template <class Policy>
class fair_model : public ::testing::Test {
protected:
    static void expect_the_same(const model_options& options) {
        const std::string wrong = model<Policy>(options).run();
        EXPECT_TRUE(wrong.empty()) << wrong;
    }
};
using policies = ::testing::Types<cfs, eevdf>;
TYPED_TEST_SUITE(fair_model, policies);

TYPED_TEST(fair_model, one_level) {
    this->expect_the_same({.operations = operations});
}

TYPED_TEST(fair_model, one_level_when_virtual_time_wraps_around) {
    this->expect_the_same({.operations = operations, .start = shortly_before_the_end});
}

TYPED_TEST(fair_model, two_levels) {
    this->expect_the_same({.operations = operations, .groups = true});
}

TYPED_TEST(fair_model, two_levels_when_virtual_time_wraps_around) {
    this->expect_the_same(
        {.operations = operations, .start = shortly_before_the_end, .groups = true});
}

TYPED_TEST(fair_model, many_in_two_levels) {
    this->expect_the_same({.operations = operations / 10, .groups = true, .members = 500});
}

}  // namespace
}  // namespace weft
