// SPDX-License-Identifier: Apache-2.0
#include "config/load.h"

#include <cerrno>
#include <cstring>
#include <fstream>

#include <fmt/format.h>

#include "config/ini.h"
#include "config/limits.h"
#include "config/toml.h"

namespace weft::pool {

namespace {

std::string why_not(const std::string& path) {
    return fmt::format("could not load file \"{}\": {}", path,
                       std::strerror(errno != 0 ? errno : EIO));
}

std::expected<std::string, std::string> text_of_file(const std::string& path) {
    constexpr std::size_t chunk = std::size_t{64} << 10;
    errno = 0;
    std::ifstream file(path, std::ios::binary);
    std::string text;
    // The readers refuse a text beyond their bound, so that no more of it is needed.
    while (file && text.size() <= longest_configuration) {
        const std::size_t before = text.size();
        text.resize(before + chunk);
        file.read(text.data() + before, static_cast<std::streamsize>(chunk));
        text.resize(before + static_cast<std::size_t>(file.gcount()));
    }
    if (!file.is_open() || file.bad()) {
        return std::unexpected(why_not(path));
    }
    return text;
}

}  // namespace

std::expected<configuration, std::string> load_configuration(const std::string& path) {
    const auto text = text_of_file(path);
    if (!text) {
        return std::unexpected(text.error());
    }
    return path.ends_with(".toml") ? read_toml(*text, path) : read_ini(*text, path, text_of_file);
}

}  // namespace weft::pool
