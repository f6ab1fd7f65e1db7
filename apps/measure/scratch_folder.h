// SPDX-License-Identifier: Apache-2.0
//
// scratch_folder: a folder for what a run leaves on the disk, removed with all that is in it at the
// end. It belongs to the program that waits for the probes, which may be killed. One thread.
#pragma once

#include <filesystem>

namespace weft::measure {

class scratch_folder {
public:
    /// In the folder for temporary files. If that cannot be, path() is empty.
    scratch_folder();
    ~scratch_folder();
    scratch_folder(const scratch_folder&) = delete;
    scratch_folder& operator=(const scratch_folder&) = delete;

    [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }

private:
    std::filesystem::path path_;
};

}  // namespace weft::measure
