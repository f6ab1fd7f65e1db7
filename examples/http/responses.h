// SPDX-License-Identifier: Apache-2.0
//
// Answers in HTTP/1.1, one behind the other: those to requests that came together go out together.
// Not thread-safe.
#pragma once

#include <array>
#include <ctime>
#include <string>
#include <string_view>

#include "request_reader.h"

namespace http {

struct response {
    int status = 200;
    std::string_view body = {};
    std::string_view type = "text/plain; charset=utf-8";
    std::string_view headers = {};  ///< further ones, each with its CR LF
};

/// "Not Found"; never empty.
std::string_view reason(int status) noexcept;

class responses {
public:
    /// `keep_alive`: the connection is open for another request after this one.
    void add(const request_reader& to, const response& what, bool keep_alive);

    /// Tells the client to go on with its request.
    void add_continue() { bytes_ += "HTTP/1.1 100 Continue\r\n\r\n"; }

    /// What is to be sent; clear() when it has been.
    [[nodiscard]] std::string_view bytes() const noexcept { return bytes_; }
    void clear() noexcept;

private:
    void add_date();

    std::string bytes_;
    // In the format of a Date header, and when that was. Of this connection: no lock, and no
    // thread_local, which would be another one after the next wait.
    std::array<char, 32> date_{};
    std::time_t date_made_ = -1;
};

}  // namespace http
