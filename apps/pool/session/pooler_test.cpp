// SPDX-License-Identifier: Apache-2.0
#include "session/pooler.h"

#include <gtest/gtest.h>

namespace weft::pool {
namespace {

/// The weight of a tenant with this rule.
std::uint32_t weight_with(int weight, int nice) {
    loaded_configuration in;
    tenant& rule = in.config.tenants["t"];
    rule.user = "ann";
    rule.weight = weight;
    rule.nice = nice;
    return pooler::place_of(in, "shop", "ann", "psql").rule.weight;
}

TEST(TenantPlace, WeightIsMultipliedByNice) {
    EXPECT_EQ(weight_with(1024, 0), 1024u);
    EXPECT_EQ(weight_with(3072, 0), 3072u);
    EXPECT_EQ(weight_with(1024, -1), 1277u);  // the kernel's table
    EXPECT_EQ(weight_with(1024, 5), 335u);
    EXPECT_EQ(weight_with(2048, 5), 670u);
}

TEST(TenantPlace, WeightStaysWithinItsBounds) {
    EXPECT_EQ(weight_with(1 << 18, -20), greatest_weight);
    EXPECT_EQ(weight_with(2, 19), least_weight);
}

TEST(TenantPlace, IsNamedByWhatTellsTenantsApart) {
    loaded_configuration in;
    EXPECT_EQ(pooler::place_of(in, "shop", "ann", "psql").name, "shop/ann");
    in.config.general.tenant_by = {.database = false, .user = false, .application_name = true};
    EXPECT_EQ(pooler::place_of(in, "shop", "ann", "psql").name, "psql");
}

}  // namespace
}  // namespace weft::pool
