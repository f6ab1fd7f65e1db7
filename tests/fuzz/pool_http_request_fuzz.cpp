// SPDX-License-Identifier: Apache-2.0
//
// What clients of the pooler's status page send. It must be the same request however the bytes
// are cut, and what is taken must be a path of one line.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "require.h"
#include "status/http_request.h"

namespace {

using weft::fuzz::require;
using weft::pool::request_parser;

struct reading {
    request_parser::state end = request_parser::state::more;
    int status = 0;
    std::string path, host;
    bool operator==(const reading&) const = default;
};

reading read_all(std::string_view bytes, std::size_t cut) {
    request_parser parser;
    reading found;
    while (!bytes.empty() && found.end == request_parser::state::more) {
        const std::size_t size = std::min(cut, bytes.size());
        found.end = parser.take(bytes.substr(0, size));
        bytes.remove_prefix(size);
    }
    found.status = parser.status();
    if (found.end == request_parser::state::complete) {
        found.path = parser.request().path;
        found.host = parser.request().host;
    }
    return found;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    const reading at_once = read_all(bytes, size + 1);
    require(at_once == read_all(bytes, 1), "the same one byte at a time");
    require(at_once == read_all(bytes, 7), "the same in pieces");
    if (at_once.end == request_parser::state::refused) {
        require(at_once.status >= 400 && at_once.status <= 505, "a status of an error");
    }
    if (at_once.end == request_parser::state::complete) {
        require(at_once.path.starts_with('/'), "a path");
        for (const std::string_view text : {at_once.path, at_once.host}) {
            require(text.size() <= request_parser::longest, "texts within the request");
            require(text.find_first_of(std::string_view("\0\r\n", 3)) == text.npos,
                    "texts of one line");
        }
    }
    return 0;
}
