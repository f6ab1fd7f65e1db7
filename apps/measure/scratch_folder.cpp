// SPDX-License-Identifier: Apache-2.0
#include "scratch_folder.h"

#include <cstdlib>
#include <string>
#include <system_error>

namespace weft::measure {

scratch_folder::scratch_folder() {
    std::error_code error;
    const auto all = std::filesystem::temp_directory_path(error);
    std::string name = (all / "weft-measure-XXXXXX").string();
    if (!error && ::mkdtemp(name.data()) != nullptr) {
        path_ = name;
    }
}

scratch_folder::~scratch_folder() {
    if (!path_.empty()) {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
}

}  // namespace weft::measure
