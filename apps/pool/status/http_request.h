// SPDX-License-Identifier: Apache-2.0
//
// request_parser: the one request of a connection to the status page: a GET without a body, of at
// most 8 KiB. llhttp does the parsing; what is left here are bounds. It knows no socket. Not
// thread-safe.
//
// Connections are not kept open for a second request: a browser and Prometheus ask once in seconds,
// and where only one request is read nobody can disagree about where the next one begins.
#pragma once

#include <llhttp.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace weft::pool {

struct http_request {
    std::string path;  ///< without what follows a question mark
    std::string host;  ///< as the header says, with its port; empty: there is none
};

class request_parser {
public:
    static constexpr std::size_t longest = 8192;

    enum class state : std::uint8_t {
        more,      ///< bytes are needed
        complete,  ///< request() is there
        refused,   ///< it never will be: status()
    };

    request_parser();
    request_parser(const request_parser&) = delete;
    request_parser& operator=(const request_parser&) = delete;

    /// Reads on. Nothing is looked at any more once it does not need more.
    state take(std::string_view bytes);

    [[nodiscard]] const http_request& request() const noexcept { return request_; }
    /// Of a request that was refused: what the client is to be told.
    [[nodiscard]] int status() const noexcept { return status_; }

private:
    static const llhttp_settings_t& callbacks() noexcept;
    static request_parser& of(llhttp_t* parser) noexcept {
        return *static_cast<request_parser*>(parser->data);
    }

    void end_field();
    void check_head();
    void refuse(int status) noexcept;

    llhttp_t parser_;
    state state_ = state::more;
    int status_ = 0;
    std::size_t taken_ = 0;
    std::size_t hosts_ = 0;
    std::string target_;
    std::string name_;
    std::string value_;
    http_request request_;
};

}  // namespace weft::pool
