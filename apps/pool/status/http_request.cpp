// SPDX-License-Identifier: Apache-2.0
#include "status/http_request.h"

#include <strings.h>

namespace weft::pool {

namespace {

bool is_host(const std::string& name) noexcept {
    return ::strcasecmp(name.c_str(), "host") == 0;
}

}  // namespace

request_parser::request_parser() {
    llhttp_init(&parser_, HTTP_REQUEST, &callbacks());
    parser_.data = this;
}

const llhttp_settings_t& request_parser::callbacks() noexcept {
    static const llhttp_settings_t all = [] {
        llhttp_settings_t made;
        llhttp_settings_init(&made);
        made.on_url = [](llhttp_t* p, const char* at, std::size_t size) {
            of(p).target_.append(at, size);
            return 0;
        };
        made.on_header_field = [](llhttp_t* p, const char* at, std::size_t size) {
            of(p).name_.append(at, size);
            return 0;
        };
        made.on_header_value = [](llhttp_t* p, const char* at, std::size_t size) {
            of(p).value_.append(at, size);
            return 0;
        };
        made.on_header_value_complete = [](llhttp_t* p) {
            of(p).end_field();
            return 0;
        };
        made.on_headers_complete = [](llhttp_t* p) {
            of(p).check_head();
            return static_cast<int>(HPE_PAUSED);
        };
        return made;
    }();
    return all;
}

request_parser::state request_parser::take(std::string_view bytes) {
    const std::string_view part = bytes.substr(0, longest - taken_);
    if (state_ != state::more) {
        return state_;
    }
    taken_ += part.size();
    const llhttp_errno_t error = llhttp_execute(&parser_, part.data(), part.size());
    if (state_ == state::more && error != HPE_OK) {
        const bool version = error == HPE_INVALID_VERSION || error == HPE_PAUSED_H2_UPGRADE;
        refuse(version ? 505 : 400);
    }
    if (state_ == state::more && taken_ == longest) {
        refuse(431);
    }
    return state_;
}

void request_parser::end_field() {
    if (is_host(name_)) {
        ++hosts_;
        request_.host = value_;
    }
    name_.clear();
    value_.clear();
}

void request_parser::check_head() {
    const bool has_body = (parser_.flags & F_CHUNKED) != 0 || parser_.content_length != 0;
    if (parser_.http_major != 1) {
        refuse(505);
    } else if (parser_.method != HTTP_GET) {
        refuse(405);
    } else if (has_body || hosts_ > 1 || (hosts_ == 0 && parser_.http_minor != 0) ||
               !target_.starts_with('/')) {
        refuse(400);
    } else {
        request_.path = target_.substr(0, target_.find_first_of("?#"));
        state_ = state::complete;
    }
}

void request_parser::refuse(int status) noexcept {
    state_ = state::refused;
    status_ = status;
}

}  // namespace weft::pool
