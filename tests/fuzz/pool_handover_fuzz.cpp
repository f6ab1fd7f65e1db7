// SPDX-License-Identifier: Apache-2.0
//
// Messages between two processes of weft-pool: what is read can be written and is the same bytes,
// and what is refused is refused in words.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "handover/message.h"
#include "require.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace weft::pool::handover;
    using weft::fuzz::require;
    const std::string_view body(reinterpret_cast<const char*>(data), size);
    const auto read = decode(body);
    if (!read) {
        require(!read.error().empty(), "an error");
        return 0;
    }
    require(descriptors_of(*read) <= 255, "a number of descriptors");
    const std::string again = encode(*read);
    // Behind a hello a newer version may say more.
    require(std::holds_alternative<hello>(*read)
                ? body.starts_with(std::string_view(again).substr(4))
                : std::string_view(again).substr(4) == body,
            "what is written is read");
    require(length_of(again).has_value(), "a length");
    return 0;
}
