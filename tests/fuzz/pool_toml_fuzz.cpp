// SPDX-License-Identifier: Apache-2.0
//
// The way of weft-pool's own configuration: it is read, shown, and written again. Whatever it says,
// it is a configuration or an error of one line.
#include <cstdint>
#include <string>
#include <string_view>

#include "config/migrate.h"
#include "config/toml.h"
#include "pool_configuration.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    using namespace weft::pool;
    const auto read = read_toml({reinterpret_cast<const char*>(bytes), size}, "f.conf");
    if (!read) {
        weft::fuzz::check_error(read.error());
        return 0;
    }
    weft::fuzz::check_configuration(*read);
    const auto again = as_toml(*read);
    weft::fuzz::require(again.has_value(), "what was read can be written",
                        again ? "" : again.error());
    return 0;
}
