// SPDX-License-Identifier: Apache-2.0
#include "responses.h"

#include <charconv>

namespace http {

namespace {

/// What was larger does not stay in memory while its client thinks.
constexpr std::size_t kept_bytes = 4096;

void append_number(std::string& to, std::size_t number) {
    std::array<char, 24> digits;
    to.append(digits.data(), std::to_chars(digits.begin(), digits.end(), number).ptr);
}

}  // namespace

std::string_view reason(int status) noexcept {
    switch (status) {
        case 200:
            return "OK";
        case 400:
            return "Bad Request";
        case 404:
            return "Not Found";
        case 405:
            return "Method Not Allowed";
        case 408:
            return "Request Timeout";
        case 413:
            return "Content Too Large";
        case 417:
            return "Expectation Failed";
        case 431:
            return "Request Header Fields Too Large";
        case 501:
            return "Not Implemented";
        case 505:
            return "HTTP Version Not Supported";
        default:
            return "Other";
    }
}

void responses::add(const request_reader& to, const response& what, bool keep_alive) {
    bytes_ += "HTTP/1.1 ";
    append_number(bytes_, static_cast<std::size_t>(what.status));
    bytes_ += ' ';
    bytes_ += reason(what.status);
    bytes_ += "\r\nDate: ";
    add_date();
    bytes_ += "\r\nContent-Length: ";
    append_number(bytes_, what.body.size());
    bytes_ += "\r\nContent-Type: ";
    bytes_ += what.type;
    bytes_ += "\r\n";
    bytes_ += what.headers;
    if (!keep_alive) {
        bytes_ += "Connection: close\r\n";
    } else if (to.is_1_0()) {
        bytes_ += "Connection: keep-alive\r\n";
    }
    bytes_ += "\r\n";
    if (to.method() != "HEAD") {
        bytes_ += what.body;
    }
}

void responses::clear() noexcept {
    if (bytes_.capacity() > kept_bytes) {
        bytes_ = {};
    }
    bytes_.clear();
}

void responses::add_date() {
    const std::time_t now = std::time(nullptr);
    if (now != date_made_) {
        std::tm parts{};
        gmtime_r(&now, &parts);
        std::strftime(date_.data(), date_.size(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
        date_made_ = now;
    }
    bytes_ += date_.data();
}

}  // namespace http
