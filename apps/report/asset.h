// SPDX-License-Identifier: Apache-2.0
//
// Files that are bytes of the program: weft_embed() of cmake/embed.cmake puts them there.
#pragma once

#include <string_view>

// WEFT_ASSET(x) declares std::string_view weft::report::asset_x(). At global scope.
#define WEFT_ASSET(name)                                     \
    extern "C" {                                             \
    extern const char weft_asset_##name[];                   \
    extern const char weft_asset_##name##_end[];             \
    }                                                        \
    namespace weft::report {                                 \
    inline std::string_view asset_##name() noexcept {        \
        return {weft_asset_##name, weft_asset_##name##_end}; \
    }                                                        \
    }                                                        \
    static_assert(true)
