// SPDX-License-Identifier: Apache-2.0
//
// The first packet of a connection to weft-pool: what is read is what was there, and what is
// refused is refused in words.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "require.h"
#include "wire/startup.h"

namespace {

using namespace weft::pool;
using weft::fuzz::require;

void check_session(const session_request& session, std::string_view packet) {
    require(!session.parameter("user").empty(), "a user");
    require(session.version >> 16 == 3, "a version that is known");
    std::size_t texts = 0;
    for (const auto& [name, value] : session.parameters) {
        require(!name.empty() && !name.starts_with("_pq_."), "a name", name);
        require(name.find('\0') == std::string::npos, "a name without a zero", name);
        texts += name.size() + value.size();
    }
    require(texts <= packet.size(), "no more than there is");
    const auto again = read_startup(session_packet(session.version, session.parameters));
    require(again && std::get<session_request>(*again).parameters == session.parameters,
            "what is written is read");
}

void check_cancel(const cancel_request& which, std::string_view packet) {
    require(!which.key.empty() && which.key.size() <= 256, "a key");
    require(cancel_packet(which) == packet, "what is read is written");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view packet(reinterpret_cast<const char*>(data), size);
    if (size >= 4) {
        const std::uint32_t told = startup_size(packet);
        require(told == 0 || (told >= 8 && told <= longest_startup_packet), "a size");
    }
    const auto read = read_startup(packet);
    if (!read) {
        require(!read.error().empty(), "an error");
        for (const char c : read.error()) {
            require(c >= ' ' && c <= '~', "a text that can be shown", read.error());
        }
    } else if (const auto* session = std::get_if<session_request>(&*read)) {
        check_session(*session, packet);
    } else if (const auto* cancel = std::get_if<cancel_request>(&*read)) {
        check_cancel(*cancel, packet);
    } else {
        require(size == 8, "nothing behind it");
    }
    return 0;
}
