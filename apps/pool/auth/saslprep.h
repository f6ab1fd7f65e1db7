// SPDX-License-Identifier: Apache-2.0
//
// SASLprep (RFC 4013): the same password, typed on different keyboards, as the same bytes. Rare
// outside of ASCII, where it changes nothing. Pure: any thread.
#pragma once

#include <string>
#include <string_view>

namespace weft::pool {

/// What PostgreSQL and libpq compute keys from: the prepared password, or its bytes as they are
/// when they are no UTF-8, have what RFC 4013 prohibits, or nothing would be left.
std::string saslprep(std::string_view password);

}  // namespace weft::pool
