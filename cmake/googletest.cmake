# SPDX-License-Identifier: Apache-2.0
#
# GoogleTest as GTest::gtest, GTest::gmock and GTest::gtest_main: the installed library, or, for
# another processor, built from the sources of Debian's package googletest.
include(GoogleTest)

if(CMAKE_CROSSCOMPILING)
    set(WEFT_GOOGLETEST_SOURCE /usr/src/googletest CACHE PATH "Sources of GoogleTest")
    set(INSTALL_GTEST OFF CACHE INTERNAL "")
    add_subdirectory("${WEFT_GOOGLETEST_SOURCE}" "${CMAKE_CURRENT_BINARY_DIR}/googletest"
                     EXCLUDE_FROM_ALL SYSTEM)
    foreach(library gtest gmock gtest_main)
        if(NOT TARGET GTest::${library})
            add_library(GTest::${library} ALIAS ${library})
        endif()
    endforeach()
else()
    find_package(GTest REQUIRED)
endif()
