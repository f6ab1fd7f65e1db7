// SPDX-License-Identifier: Apache-2.0
//
// What is served, and at which paths.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "admin/tables.h"
#include "status/status_server.h"

namespace weft::pool {

/// Which of the pages.
struct page_choice {
    bool metrics = false;  ///< /metrics
    bool status = false;   ///< / and /status.json
};

/// `look`: how things stand; called by many fibers beside each other.
[[nodiscard]] status_server::page_source pages(page_choice which,
                                               std::function<console_view()> look);

/// The page itself, and what a browser may do for it: run its own script and style, known by their
/// hashes, and ask where it came from. Names of databases and users cannot become code.
[[nodiscard]] std::string_view status_html();
[[nodiscard]] std::string status_policy();

}  // namespace weft::pool
