# SPDX-License-Identifier: Apache-2.0
#
# llhttp, Node's parser of HTTP/1, for apps/pool, examples/http and what is measured beside it: target
# `llhttp`, if it is there. Debian 12 has it as sources in C (node-llhttp), which are compiled strict. Its library
# http_parser is no alternative: it is unmaintained, and Debian compiles it lenient, so that it accepts
# a space after the name of a header, a CR without LF and bytes between chunks, by which requests are
# smuggled past proxies.
find_path(WEFT_LLHTTP llhttp/llhttp.c PATHS /usr/share NO_CMAKE_FIND_ROOT_PATH)
mark_as_advanced(WEFT_LLHTTP)
if(NOT WEFT_LLHTTP)
    message(STATUS "Without llhttp (node-llhttp): no weft-pool, no examples/http_server")
    return()
endif()

enable_language(C)
add_library(llhttp STATIC EXCLUDE_FROM_ALL
    "${WEFT_LLHTTP}/llhttp/api.c" "${WEFT_LLHTTP}/llhttp/http.c" "${WEFT_LLHTTP}/llhttp/llhttp.c")
set_target_properties(llhttp PROPERTIES UNITY_BUILD OFF)
# It decides how llhttp.h is read, too.
target_compile_definitions(llhttp PUBLIC LLHTTP_STRICT_MODE=1)
target_include_directories(llhttp SYSTEM PUBLIC "${WEFT_LLHTTP}/include/llhttp")
# Not with the other sanitizers: g++ 12 takes more than four minutes for its one large function then.
if(WEFT_SANITIZE STREQUAL "fuzzer")
    # Callbacks are called through a pointer of another type than theirs.
    target_compile_options(llhttp PRIVATE ${WEFT_SANITIZE_FLAGS} -fno-omit-frame-pointer
        -fno-sanitize=function)
endif()
