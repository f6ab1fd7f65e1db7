// SPDX-License-Identifier: Apache-2.0
//
// What the example of an HTTP server reads. It must find the same requests in the same bytes
// however they are cut.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "http/request_reader.h"
#include "require.h"

namespace {

using weft::fuzz::require;

// Small, so that they are reached.
constexpr http::request_limits limits{.head = 512, .headers = 8, .body = 256};

struct request {
    std::string method, path, host, body;
    bool keep_alive;
    bool operator==(const request&) const = default;
};

struct reading {
    std::vector<request> requests;
    bool refused = false;
    bool begun = false;
    bool operator==(const reading&) const = default;
};

request request_in(const http::request_reader& reader) {
    require(!reader.method().empty(), "a request has a method");
    require(reader.body().size() <= limits.body, "a body within its limit");
    for (const std::string_view text : {reader.path(), reader.header("Host")}) {
        require(text.size() <= limits.head, "texts within the head");
        require(text.find_first_of(std::string_view("\0\r\n", 3)) == text.npos,
                "texts of one line");
    }
    return {.method = std::string(reader.method()),
            .path = std::string(reader.path()),
            .host = std::string(reader.header("host")),
            .body = std::string(reader.body()),
            .keep_alive = reader.keep_alive()};
}

/// What is found if `cut` bytes are handed over at a time, up to what the server would not read on
/// after.
reading read_all(std::span<const std::uint8_t> bytes, std::size_t cut) {
    http::request_reader reader(limits);
    reading found;
    for (;;) {
        switch (reader.advance()) {
            case http::progress::complete:
                found.requests.push_back(request_in(reader));
                if (!reader.keep_alive()) {
                    return found;
                }
                continue;
            case http::progress::refused:
                require(reader.status() >= 400 && reader.status() <= 505, "a status of an error");
                found.refused = true;
                return found;
            default:
                break;
        }
        if (bytes.empty()) {
            found.begun = reader.begun();
            return found;
        }
        const std::span<std::byte> room = reader.room();
        require(room.size() >= 4096, "room for bytes");
        const std::size_t size = std::min({cut, room.size(), bytes.size()});
        std::memcpy(room.data(), bytes.data(), size);
        reader.filled(size);
        bytes = bytes.subspan(size);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::span<const std::uint8_t> bytes(data, size);
    const reading at_once = read_all(bytes, size);
    require(at_once == read_all(bytes, 1), "the same one byte at a time");
    require(at_once == read_all(bytes, 7), "the same in pieces");
    return 0;
}
