// SPDX-License-Identifier: Apache-2.0
//
// For tests, and for programs that need a place for a server's files.
#pragma once

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <system_error>

namespace weft::testing {

/// A folder that is removed, with what is in it, at the end.
class temporary_folder {
public:
    /// Throws std::system_error.
    temporary_folder() : path_(std::filesystem::temp_directory_path() / "weft-test-XXXXXX") {
        if (::mkdtemp(path_.data()) == nullptr) {
            throw std::system_error(errno, std::generic_category(), path_);
        }
    }
    ~temporary_folder() {
        std::error_code ignored;  // whose files they are may not be ours to remove
        std::filesystem::remove_all(path_, ignored);
    }
    temporary_folder(const temporary_folder&) = delete;
    temporary_folder& operator=(const temporary_folder&) = delete;

    [[nodiscard]] std::string operator/(const std::string& name) const {
        return path_ + "/" + name;
    }

    /// Writes a file there; returns its path.
    [[nodiscard]] std::string write(const std::string& name, std::string_view text) const {
        std::string path = *this / name;
        std::ofstream(path) << text;
        return path;
    }

private:
    std::string path_;
};

}  // namespace weft::testing
