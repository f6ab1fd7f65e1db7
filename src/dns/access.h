// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <weft/dns.h>

namespace weft::dns {

/// To what is private in resolver, for calls that are not its methods.
struct access {
    static core& core_of(resolver& names) noexcept { return *names.core_; }
};

}  // namespace weft::dns
