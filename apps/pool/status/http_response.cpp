// SPDX-License-Identifier: Apache-2.0
#include "status/http_response.h"

#include <fmt/format.h>

namespace weft::pool {

namespace {

std::string_view reason_of(int status) {
    switch (status) {
        case 200:
            return "OK";
        case 404:
            return "Not Found";
        case 405:
            return "Method Not Allowed";
        case 408:
            return "Request Timeout";
        case 421:
            return "Misdirected Request";
        case 431:
            return "Request Header Fields Too Large";
        case 500:
            return "Internal Server Error";
        case 505:
            return "HTTP Version Not Supported";
        default:
            return "Bad Request";
    }
}

}  // namespace

http_response plain_answer(int status) {
    return {.status = status, .body = fmt::format("{} {}\n", status, reason_of(status))};
}

std::string to_bytes(const http_response& of) {
    return fmt::format(
        "HTTP/1.1 {} {}\r\n"
        "Content-Type: {}\r\n"
        "Content-Length: {}\r\n"
        "Content-Security-Policy: {}\r\n"
        "X-Content-Type-Options: nosniff\r\n"
        "Referrer-Policy: no-referrer\r\n"
        "Cache-Control: no-store\r\n"
        "{}Connection: close\r\n"
        "\r\n"
        "{}",
        of.status, reason_of(of.status), of.type, of.body.size(), of.policy,
        of.status == 405 ? "Allow: GET\r\n" : "", of.body);
}

}  // namespace weft::pool
