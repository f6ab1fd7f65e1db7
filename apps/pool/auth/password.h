// SPDX-License-Identifier: Apache-2.0
//
// The login that sends the password itself. Pure functions: any thread.
#pragma once

#include <string_view>

#include "auth/secret.h"

namespace weft::pool {

/// Whether check_password() computes for milliseconds: call it in weft::blocking then.
bool is_slow_to_check(const secret& stored) noexcept;

/// Whether `password` is what `stored` was made from. An empty one never is, as in PgBouncer, nor
/// is any for a secret of kind none. As long for a wrong one as for a right one.
bool check_password(std::string_view user, const secret& stored, std::string_view password);

}  // namespace weft::pool
