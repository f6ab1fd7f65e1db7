// SPDX-License-Identifier: Apache-2.0
//
// What every call of the system needs around it. No state: any thread.
#pragma once

#include <expected>
#include <string_view>
#include <system_error>

#include <weft/error.h>
#include <weft/time.h>

namespace weft::lab {

/// errno of the call that has just failed.
std::unexpected<std::error_code> last_error() noexcept;

/// For poll(): rounded up, so that it does not return before the deadline; -1 for never. A deadline
/// far away gives a quarter of an hour: whoever waits looks at the deadline again.
int milliseconds_until(deadline until) noexcept;

/// Writes all of it, in as many calls as it takes.
result<void> write_all(int descriptor, std::string_view text);

}  // namespace weft::lab
