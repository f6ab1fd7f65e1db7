// SPDX-License-Identifier: Apache-2.0
//
// The commands of weft-pool's console: what was understood is understood again, in quotes.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "admin/command.h"
#include "require.h"

namespace {

using namespace weft::pool;
using weft::fuzz::require;

std::string quoted(std::string_view text, char quote) {
    std::string out(1, quote);
    for (const char c : text) {
        out += c;
        if (c == quote) {
            out += c;
        }
    }
    return out + quote;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const command read = parse_command({reinterpret_cast<const char*>(data), size});
    const bool does = read.what != verb::unknown && read.what != verb::nothing;
    require(does == !read.tag.empty(), "a tag of what can be done");
    if (!does || read.what == verb::transaction) {
        require(read.argument.empty() && read.value.empty(), "arguments are of commands");
        return 0;
    }
    std::string again = read.tag;
    if (read.what == verb::set) {
        again += ' ' + quoted(read.argument, '"') + " TO " + quoted(read.value, '\'');
    } else if (!read.argument.empty()) {
        again += ' ' + quoted(read.argument, '"');
    }
    const command second = parse_command(again + ';');
    require(second.what == read.what && second.argument == read.argument &&
                second.value == read.value && second.tag == read.tag,
            "the same command", again);
    return 0;
}
