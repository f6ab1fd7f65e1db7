// SPDX-License-Identifier: Apache-2.0
//
// Files that are bytes of the program, embedded by assets.S.in.
#pragma once

#include <string_view>

// WEFT_SCHED_ASSET(x) declares std::string_view weft::sim::asset_x().
#define WEFT_SCHED_ASSET(name)                               \
    extern "C" {                                             \
    extern const char weft_sched_##name[];                   \
    extern const char weft_sched_##name##_end[];             \
    }                                                        \
    namespace weft::sim {                                    \
    inline std::string_view asset_##name() {                 \
        return {weft_sched_##name, weft_sched_##name##_end}; \
    }                                                        \
    }                                                        \
    static_assert(true)

WEFT_SCHED_ASSET(page_html);
WEFT_SCHED_ASSET(page_css);
WEFT_SCHED_ASSET(page_js);
