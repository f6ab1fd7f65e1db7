// SPDX-License-Identifier: Apache-2.0
#include "config/difference.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weft::pool {

namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

std::vector<std::string> texts(const configuration& before, const configuration& after) {
    std::vector<std::string> all;
    for (const change& each : difference(before, after)) {
        all.push_back(text_of(each));
    }
    return all;
}

TEST(Difference, NamesWhatNeedsARestart) {
    configuration before;
    configuration after;
    EXPECT_THAT(difference(before, after), IsEmpty());
    after.general.listen_port = 1;
    after.general.query_timeout = 1500ms;
    after.general.server_tls_sslmode = sslmode::require;
    const auto found = difference(before, after);
    ASSERT_EQ(found.size(), 3U);
    EXPECT_EQ(found[0].setting, "listen_port");
    EXPECT_EQ(found[0].takes, change_takes::restart);
    EXPECT_EQ(found[1].takes, change_takes::reload);
    EXPECT_EQ(found[2].takes, change_takes::reconnect);
    EXPECT_THAT(texts(before, after),
                ElementsAre("listen_port: \"6432\" -> \"1\" (needs a restart)",
                            "query_timeout: \"0\" -> \"1.5\"",
                            "server_tls_sslmode: \"prefer\" -> \"require\""));
}

TEST(Difference, NamesEntries) {
    configuration before;
    configuration after;
    before.databases["gone"];
    before.databases["kept"];
    after.databases["kept"].pool_size = 3;
    after.databases["new"];
    after.fallback.emplace();
    before.users["u"].pool_size = 1;
    after.users["u"];
    after.tenants["t"].weight = 2;
    EXPECT_THAT(
        texts(before, after),
        ElementsAre("database \"*\": added", "database \"gone\": removed",
                    "database \"kept\": pool_size: \"\" -> \"3\"", "database \"new\": added",
                    "user \"u\": pool_size: \"1\" -> \"\"", "tenant \"t\": added"));
}

TEST(Difference, ShowsNoSecret) {
    configuration before;
    configuration after;
    before.databases["d"].password = "old";
    after.databases["d"].password = "new";
    EXPECT_THAT(texts(before, after), ElementsAre("database \"d\": password: \"***\" -> \"***\""));
}

}  // namespace

}  // namespace weft::pool
