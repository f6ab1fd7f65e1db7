# SPDX-License-Identifier: Apache-2.0
#
# weft_precompile(target KIND std|test|json)
#
# The headers of the standard library (KIND test: and GoogleTest's; KIND json: and nlohmann's) are
# parsed once instead of once a file, which is most of the time of a build. It changes no meaning:
# each file still includes what it uses, and `cmake -DWEFT_PRECOMPILE=OFF` shows where one does not.
include_guard(GLOBAL)
option(WEFT_PRECOMPILE "Precompile the headers of the standard library" ${PROJECT_IS_TOP_LEVEL})

set(WEFT_PRECOMPILED_std
    <algorithm> <array> <atomic> <chrono> <coroutine> <cstdint> <cstring> <exception> <expected>
    <functional> <memory> <mutex> <new> <optional> <span> <stop_token> <string> <string_view>
    <system_error> <thread> <type_traits> <utility> <variant> <vector>)
set(WEFT_PRECOMPILED_test ${WEFT_PRECOMPILED_std} <gmock/gmock.h> <gtest/gtest.h>)
set(WEFT_PRECOMPILED_json ${WEFT_PRECOMPILED_std} <nlohmann/json.hpp>)

function(weft_precompile target kind)
    if(NOT WEFT_PRECOMPILE)
        return()
    endif()
    set(owner weft_precompiled_${kind})
    if(NOT TARGET ${owner})
        set(source "${weft_BINARY_DIR}/${owner}.cpp")
        file(CONFIGURE OUTPUT "${source}" CONTENT "// The owner of a precompiled header.\n")
        add_library(${owner} OBJECT "${source}")
        weft_target_options(${owner})
        if(kind STREQUAL "test")
            weft_test_options(${owner})
        endif()
        target_link_libraries(${owner} PRIVATE Threads::Threads
            $<$<STREQUAL:${kind},test>:GTest::gmock>)
        target_precompile_headers(${owner} PRIVATE ${WEFT_PRECOMPILED_${kind}})
    endif()
    target_precompile_headers(${target} REUSE_FROM ${owner})
endfunction()
