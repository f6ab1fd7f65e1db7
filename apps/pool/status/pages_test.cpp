// SPDX-License-Identifier: Apache-2.0
#include "status/pages.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include <weft/dns.h>
#include <weft/runtime.h>
#include <nlohmann/json.hpp>

#include "metrics/log.h"
#include "status/metrics_page.h"
#include "status/status_json.h"

namespace weft::pool {
namespace {

/// Of a pooler with one pool that nobody uses, whose user has a bad name.
class status_pages : public ::testing::Test {
protected:
    template <class Use>
    void with_view(Use use) {
        weft::run([&] {
            auto loaded = std::make_shared<loaded_configuration>();
            loaded->config.databases["shop"].hosts = {"db1"};
            auto resolver = dns::resolver::create();
            ASSERT_TRUE(resolver);
            log quiet({}, log_format::text, log_level::fatal);
            pooler of(loaded, *std::move(resolver), quiet);
            const statistics numbers(clock::now());
            const auto pool = of.pool_for(*loaded, "shop", bad_name);
            claimant place;
            pool->pool->enter(place, "shop/x", {});
            use(console_view{.of = of, .numbers = numbers, .guests = {}});
            pool->pool->leave(place);
        });
    }

    static constexpr std::string_view bad_name = "<b>\"\n\xff";
};

TEST_F(status_pages, of_metrics_have_pools_and_tenants) {
    with_view([](const console_view& view) {
        const std::string page = metrics_page(view, "1.2.3");
        const std::string pool = R"({database="shop",user="<b>\"\n)"
                                 "\ufffd\"";
        for (const std::string& line :
             {std::string("weft_pool_build_info{version=\"1.2.3\"} 1\n"),
              std::string("weft_pool_refused_logins_total{reason=\"authentication\"} 0\n"),
              "weft_pool_clients" + pool + ",state=\"idle\"} 1\n",
              "weft_pool_servers" + pool + ",state=\"idle\"} 0\n",
              "weft_pool_transactions_total" + pool + "} 0\n",
              "weft_pool_tenant_weight" + pool + ",tenant=\"shop/x\"} 1024\n",
              "weft_pool_tenant_wait_seconds_bucket" + pool + ",tenant=\"shop/x\",le=\"+Inf\"} 0\n",
              "weft_pool_tenant_transaction_seconds_count" + pool + ",tenant=\"shop/x\"} 0\n"}) {
            EXPECT_NE(page.find("\n" + line), page.npos) << line << page;
        }
    });
}

TEST_F(status_pages, as_json_are_the_tables_of_the_console) {
    with_view([](const console_view& view) {
        const auto status = nlohmann::json::parse(status_json(view, "1.2.3"));
        EXPECT_EQ(status.at("version"), "1.2.3");
        EXPECT_EQ(status.at("state"), "active");
        const auto& pools = status.at("tables").at("pools");
        EXPECT_EQ(pools.at("count"), 2);  // the console's is one
        EXPECT_EQ(pools.at("rows").at(0).at("user"), "<b>\"\n\ufffd");
        EXPECT_EQ(pools.at("rows").at(0).at("sv_active"), 0);
        EXPECT_TRUE(pools.at("rows").at(0).at("load_balance_hosts").is_null());
        const auto& tenants = status.at("tables").at("fairness").at("rows");
        EXPECT_EQ(tenants.at(0).at("tenant"), "shop/x");
        EXPECT_TRUE(tenants.at(0).at("recent_share").is_number_float());
        EXPECT_EQ(status.at("tables").at("waits").at("rows").size(), 0U);
        EXPECT_EQ(status.at("tables").at("holders").at("rows").size(), 0U);
    });
}

TEST_F(status_pages, are_there_by_their_settings) {
    with_view([](const console_view& view) {
        const auto found = [&](page_choice which, std::string_view path) {
            return pages(which, [&] { return view; })(path).has_value();
        };
        EXPECT_TRUE(found({.metrics = true}, "/metrics"));
        EXPECT_FALSE(found({.metrics = true}, "/"));
        EXPECT_FALSE(found({.metrics = true}, "/status.json"));
        EXPECT_TRUE(found({.status = true}, "/"));
        EXPECT_TRUE(found({.status = true}, "/status.json"));
        EXPECT_FALSE(found({.status = true}, "/metrics"));
        EXPECT_FALSE(found({.metrics = true, .status = true}, "/.."));
    });
}

TEST_F(status_pages, of_html_need_nothing_else_and_may_do_nothing_else) {
    const std::string_view page = status_html();
    EXPECT_TRUE(page.starts_with("<!DOCTYPE html>"));
    for (const char* const foreign :
         {"http:", "https:", "//cdn", "innerHTML", " style=", "onclick"}) {
        EXPECT_EQ(page.find(foreign), page.npos) << foreign;
    }
    const std::string policy = status_policy();
    EXPECT_TRUE(policy.starts_with("default-src 'none'; script-src 'sha256-")) << policy;
    EXPECT_EQ(policy.find("unsafe"), policy.npos) << policy;
}

}  // namespace
}  // namespace weft::pool
