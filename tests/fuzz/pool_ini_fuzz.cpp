// SPDX-License-Identifier: Apache-2.0
//
// The way of a pgbouncer.ini through weft-pool: it is read, shown, and written as TOML. Whatever it
// says, it is a configuration or an error of one line.
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

#include "config/ini.h"
#include "config/migrate.h"
#include "config/toml.h"
#include "pool_configuration.h"

namespace {

using namespace weft::pool;
using weft::fuzz::require;

/// Every file that is included has a setting, and includes another one.
std::expected<std::string, std::string> included(const std::string& path) {
    if (path.empty()) {
        return std::unexpected("there is none");
    }
    return "verbose = 1\n%include " + path.substr(1);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    const std::string_view text{reinterpret_cast<const char*>(bytes), size};
    const auto read = read_ini(text, "f.conf", included);
    if (!read) {
        weft::fuzz::check_error(read.error());
        return 0;
    }
    weft::fuzz::check_configuration(*read);
    if (const auto toml = as_toml(*read)) {
        const auto again = read_toml(*toml, "f.conf");
        require(again && same(*again, *read), "the TOML says the same", *toml);
    } else {
        require(!weft::fuzz::is_ascii(text), "what is ASCII can be written as TOML", toml.error());
    }
    return 0;
}
