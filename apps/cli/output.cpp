// SPDX-License-Identifier: Apache-2.0
#include "output.h"

#include <algorithm>
#include <cstdio>
#include <system_error>

#include <fmt/format.h>
#include <unistd.h>

#include "lab/report_file.h"
#include "lab/system_calls.h"

namespace weft::cli {

int complain(std::string_view message, int status) {
    fmt::print(stderr, "weft: {}\n", message);
    return status;
}

report::terminal_style style_of(int descriptor, std::size_t narrowest, std::size_t widest) {
    auto style = report::terminal_style::of(descriptor);
    if (const auto width = report::width_of_terminal(descriptor, 1)) {
        style.width = std::clamp(*width, narrowest, widest);
    }
    return style;
}

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
