// SPDX-License-Identifier: Apache-2.0
//
// What Prometheus gets: pools, tenants and the pooler as a whole, from where SHOW has them, too.
#pragma once

#include <string>
#include <string_view>

#include "admin/tables.h"

namespace weft::pool {

inline constexpr std::string_view metrics_type = "text/plain; version=0.0.4; charset=utf-8";

[[nodiscard]] std::string metrics_page(const console_view& of, std::string_view version);

}  // namespace weft::pool
