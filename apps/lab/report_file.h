// SPDX-License-Identifier: Apache-2.0
//
// Writing a report where the user asked for it: whole or not at all. The text goes to a new file
// beside the target which then takes its name, so that neither a full disk nor Ctrl-C leaves half
// a report over a good one. Devices and pipes (/dev/stdout, a named pipe) are written directly.
#pragma once

#include <string>
#include <string_view>

#include <weft/error.h>

namespace weft::lab {

/// The error is the operating system's.
result<void> write_report(const std::string& path, std::string_view text);

}  // namespace weft::lab
