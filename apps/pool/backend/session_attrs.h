// SPDX-License-Identifier: Apache-2.0
//
// What a server is among those of a cluster: as libpq's target_session_attrs asks.
#pragma once

#include <expected>

#include <weft/time.h>

#include "backend/parameters.h"
#include "backend/server.h"
#include "config/settings.h"
#include "wire/build.h"

namespace weft::pool {

/// Asks `whom`, which has just logged in, and says whether it is `wanted`; a standby, for
/// prefer_standby. An error as for ask().
std::expected<bool, report> is_as_wanted(server& whom, target_session_attrs wanted,
                                         const parameter_names& followed, intern_table& sets,
                                         deadline until);

}  // namespace weft::pool
