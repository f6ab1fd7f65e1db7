// SPDX-License-Identifier: Apache-2.0
#include "status/pages.h"

#include <optional>
#include <utility>

#include <fmt/format.h>

#include "auth/digest.h"
#include "report/asset.h"
#include "status/metrics_page.h"
#include "status/status_json.h"

WEFT_ASSET(pool_status_html);

namespace weft::pool {

namespace {

/// What lies between two tags of the page.
std::string_view between(std::string_view from, std::string_view to) {
    const std::string_view page = status_html();
    const std::size_t begin = page.find(from) + from.size();
    return page.substr(begin, page.find(to, begin) - begin);
}

std::string hash_of(std::string_view text) {
    return "'sha256-" + to_base64(bytes_of(sha256(text))) + "'";
}

}  // namespace

std::string_view status_html() {
    return ::weft::report::asset_pool_status_html();
}

std::string status_policy() {
    return fmt::format(
        "default-src 'none'; script-src {}; style-src {}; connect-src 'self'; img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        hash_of(between("<script>", "</script>")), hash_of(between("<style>", "</style>")));
}

status_server::page_source pages(page_choice which, std::function<console_view()> look) {
    return [which, look = std::move(look),
            policy = status_policy()](std::string_view path) -> std::optional<http_response> {
        if (which.metrics && path == "/metrics") {
            return http_response{.type = metrics_type, .body = metrics_page(look(), WEFT_VERSION)};
        }
        if (which.status && path == "/") {
            return http_response{.type = "text/html; charset=utf-8",
                                 .body = std::string(status_html()),
                                 .policy = policy};
        }
        if (which.status && path == "/status.json") {
            return http_response{.type = "application/json",
                                 .body = status_json(look(), WEFT_VERSION)};
        }
        return std::nullopt;
    };
}

}  // namespace weft::pool
