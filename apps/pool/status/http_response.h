// SPDX-License-Identifier: Apache-2.0
//
// An answer of the status page's server, as bytes. Pure.
#pragma once

#include <string>
#include <string_view>

namespace weft::pool {

struct http_response {
    int status = 200;
    std::string_view type = "text/plain; charset=utf-8";
    std::string body = {};
    /// Content-Security-Policy: what the browser may do for the page.
    std::string policy = "default-src 'none'";
};

/// One whose body says what the status means.
[[nodiscard]] http_response plain_answer(int status);

/// With all its headers. Nothing of it is kept by caches, and the connection ends behind it.
[[nodiscard]] std::string to_bytes(const http_response& of);

}  // namespace weft::pool
