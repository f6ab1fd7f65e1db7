# SPDX-License-Identifier: Apache-2.0
#
# Finds c-ares: c-ares::c-ares. Its own package file is not installed everywhere
# (Debian leaves it out). Installed beside weftConfig.cmake.
find_path(c-ares_INCLUDE_DIR ares.h)
find_library(c-ares_LIBRARY cares)
mark_as_advanced(c-ares_INCLUDE_DIR c-ares_LIBRARY)

if(c-ares_INCLUDE_DIR)
    file(STRINGS "${c-ares_INCLUDE_DIR}/ares_version.h" line
        REGEX "#define ARES_VERSION_STR \"")
    string(REGEX REPLACE ".*\"([0-9.]+).*" "\\1" c-ares_VERSION "${line}")
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(c-ares
    REQUIRED_VARS c-ares_LIBRARY c-ares_INCLUDE_DIR
    VERSION_VAR c-ares_VERSION)

if(c-ares_FOUND AND NOT TARGET c-ares::c-ares)
    add_library(c-ares::c-ares UNKNOWN IMPORTED)
    set_target_properties(c-ares::c-ares PROPERTIES
        IMPORTED_LOCATION "${c-ares_LIBRARY}"
        INTERFACE_INCLUDE_DIRECTORIES "${c-ares_INCLUDE_DIR}")
endif()
