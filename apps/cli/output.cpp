// SPDX-License-Identifier: Apache-2.0
#include "output.h"

#include <cstdio>
#include <system_error>

#include <fmt/format.h>
#include <unistd.h>

#include "lab/report_file.h"
#include "lab/system_calls.h"

namespace weft::cli {

bool print(int descriptor, std::string_view text) {
    const auto written = lab::write_all(descriptor, text);
    if (!written && written.error() != std::errc::broken_pipe) {
        fmt::print(stderr, "weft: writing the results: {}\n", written.error().message());
    }
    return written.has_value();
}

bool write_output(const std::string& path, std::string_view text) {
    if (path == "-") {
        return print(STDOUT_FILENO, text);
    }
    if (const auto written = lab::write_report(path, text); !written) {
        fmt::print(stderr, "weft: writing {}: {}\n", path, written.error().message());
        return false;
    }
    return true;
}

}  // namespace weft::cli
