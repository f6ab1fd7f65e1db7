// SPDX-License-Identifier: Apache-2.0
#include "terminal_style.h"

#include <algorithm>
#include <cstdlib>
#include <string>
#include <string_view>

#include <sys/ioctl.h>
#include <unistd.h>

namespace weft::report {

namespace {

/// Empty when it is not set.
std::string variable(const char* name) {
    const char* const value = std::getenv(name);
    return value ? value : "";
}

bool utf8_locale() {
    for (const char* const name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
        if (std::string value = variable(name); !value.empty()) {
            std::ranges::transform(value, value.begin(),
                                   [](char c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; });
            return value.find("utf-8") != std::string::npos ||
                   value.find("utf8") != std::string::npos;
        }
    }
    return false;
}

}  // namespace

terminal_style terminal_style::of(int descriptor) {
    const char* const terminal = std::getenv("TERM");
    const bool capable = terminal && std::string_view(terminal) != "dumb";
    return {.colour = capable && variable("NO_COLOR").empty() && ::isatty(descriptor) == 1,
            .unicode = utf8_locale()};
}

std::optional<std::size_t> width_of_terminal(int descriptor, std::size_t least) noexcept {
    winsize size{};
    if (::ioctl(descriptor, TIOCGWINSZ, &size) != 0 || size.ws_col < least) {
        return std::nullopt;
    }
    return size.ws_col;
}

std::string_view cut(std::string_view text, std::size_t most) noexcept {
    if (text.size() > most) {
        while (most > 0 && (static_cast<unsigned char>(text[most]) & 0xc0) == 0x80) {
            --most;
        }
    }
    return text.substr(0, most);
}

}  // namespace weft::report
