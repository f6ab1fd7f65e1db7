// SPDX-License-Identifier: Apache-2.0
//
// The settings tcp_*, as the kernel knows them.
#pragma once

#include "config/settings.h"

namespace weft::pool {

/// For a TCP connection, or for all that a listener will accept: they inherit it. What the kernel
/// does not take stays as it is.
void apply_tcp_settings(const settings& from, int socket) noexcept;

}  // namespace weft::pool
