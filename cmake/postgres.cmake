# SPDX-License-Identifier: Apache-2.0
#
# For tests and benchmarks with a real server: WEFT_POSTGRES_FOLDER is where PostgreSQL's programs lie, empty if
# they or libpq are not installed (tools/setup posix).
include_guard(GLOBAL)

set(WEFT_POSTGRES_FOLDER "")
if(NOT CMAKE_CROSSCOMPILING)
    find_package(PostgreSQL QUIET)
    file(GLOB folders "/usr/lib/postgresql/*/bin")
    find_program(WEFT_POSTGRES postgres HINTS ${folders} /usr/local/pgsql/bin)
    mark_as_advanced(WEFT_POSTGRES)
    if(PostgreSQL_FOUND AND WEFT_POSTGRES)
        cmake_path(GET WEFT_POSTGRES PARENT_PATH WEFT_POSTGRES_FOLDER)
    endif()
endif()
