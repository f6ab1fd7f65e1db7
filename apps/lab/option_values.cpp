// SPDX-License-Identifier: Apache-2.0
#include "option_values.h"

#include "numbers.h"

#include <cerrno>
#include <cmath>
#include <limits>
#include <system_error>
#include <utility>

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

namespace weft::lab {

std::expected<std::uint64_t, std::string> parse_size(std::string_view text) {
    constexpr std::string_view units = "kmg";
    std::string_view digits = text;
    unsigned shift = 0;
    if (!text.empty()) {
        const char last = static_cast<char>(text.back() | 0x20);
        if (const std::size_t unit = units.find(last); unit != std::string_view::npos) {
            shift = 10 * (static_cast<unsigned>(unit) + 1);
            digits.remove_suffix(1);
        }
    }
    const auto value = number_of<std::uint64_t>(digits);
    if (!value || *value > (std::numeric_limits<std::uint64_t>::max() >> shift)) {
        return std::unexpected(fmt::format("'{}' is no size, as in 65536 or 64K", text));
    }
    return *value << shift;
}

std::expected<void, std::string> check_report_path(const std::string& path) {
    const auto refused = [&path](int error) {
        return std::unexpected(
            fmt::format("cannot write '{}': {}", path, std::generic_category().message(error)));
    };
    struct stat status{};
    if (path.empty()) {
        return refused(ENOENT);
    }
    if (::stat(path.c_str(), &status) == 0) {
        if (S_ISDIR(status.st_mode)) {
            return refused(EISDIR);
        }
        if (!S_ISREG(status.st_mode)) {
            return ::access(path.c_str(), W_OK) == 0 ? std::expected<void, std::string>()
                                                     : refused(errno);
        }
    }
    // A plain file is written beside its old version and renamed: the folder counts.
    const std::size_t slash = path.rfind('/');
    const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
    if (::access(folder.c_str(), W_OK | X_OK) != 0) {
        return refused(errno);
    }
    return {};
}

std::expected<std::uint64_t, std::string> count_within(std::string_view text, std::uint64_t least,
                                                       std::uint64_t most) {
    const auto value = number_of<std::uint64_t>(text);
    if (!value || *value < least || *value > most) {
        return std::unexpected(
            fmt::format("'{}' is no whole number from {} to {}", text, least, most));
    }
    return *value;
}

std::expected<std::uint64_t, std::string> size_within(std::string_view text, std::uint64_t least,
                                                      std::uint64_t most) {
    const auto value = parse_size(text);
    if (value && (*value < least || *value > most)) {
        return std::unexpected(fmt::format("'{}' is not from {} to {} bytes", text, least, most));
    }
    return value;
}

std::expected<double, std::string> real_within(std::string_view text, double least, double most) {
    const auto value = number_of<double>(text);
    if (!value || !std::isfinite(*value) || *value < least || *value > most) {
        return std::unexpected(fmt::format("'{}' is no number from {} to {}", text, least, most));
    }
    return *value;
}

std::expected<std::string, std::string> report_path_from(const std::string& path) {
    if (path == "-") {
        return std::unexpected("standard output is for the table: name a file");
    }
    if (auto writable = check_report_path(path); !writable) {
        return std::unexpected(std::move(writable.error()));
    }
    return path;
}

std::expected<std::string, std::string> report_path_or_stdout(const std::string& path) {
    return path == "-" ? std::expected<std::string, std::string>(path) : report_path_from(path);
}

}  // namespace weft::lab
