# SPDX-License-Identifier: Apache-2.0
#
# Sanitizers cover everything below this folder, tests and applications included: a program that
# mixes instrumented and plain objects reports errors that are none.
if(WEFT_SANITIZE STREQUAL "")
    set(WEFT_SANITIZE_FLAGS "")
elseif(WEFT_SANITIZE MATCHES "^(address|fuzzer)$")
    # Without the check of virtual calls: it opens a pipe to find out whether an address can be read,
    # and takes "no descriptor left" for "no such object", which a test of just that case runs into.
    set(WEFT_SANITIZE_FLAGS -fsanitize=address,undefined -fno-sanitize-recover=undefined
                            -fno-sanitize=vptr)
    if(WEFT_SANITIZE STREQUAL "fuzzer")
        list(APPEND WEFT_SANITIZE_FLAGS -fsanitize=fuzzer-no-link)
    endif()
    set(WEFT_SANITIZE_MACRO __SANITIZE_ADDRESS__)
elseif(WEFT_SANITIZE STREQUAL "thread")
    set(WEFT_SANITIZE_FLAGS -fsanitize=thread)
    set(WEFT_SANITIZE_MACRO __SANITIZE_THREAD__)
else()
    message(FATAL_ERROR "WEFT_SANITIZE is '${WEFT_SANITIZE}'; it may be empty, address, thread "
                        "or fuzzer")
endif()

# clang does not say before version 21 that there is a sanitizer, as g++ does.
if(WEFT_SANITIZE AND CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    list(APPEND WEFT_SANITIZE_FLAGS -D${WEFT_SANITIZE_MACRO}=1)
endif()

# For tests and applications, which would take most of the time of a build: without UBSan's checks of
# each pointer, which the library has, and not optimised. That is not for fuzzing, which lives on speed,
# and not for ThreadSanitizer: unoptimised, each atomic operation is sequentially consistent, which hides
# what it should find.
set(WEFT_SANITIZE_LESS "")
if(WEFT_SANITIZE MATCHES "^(address|fuzzer)$")
    set(WEFT_SANITIZE_LESS
        $<$<COMPILE_LANGUAGE:CXX>:-fno-sanitize=null,alignment,object-size>)
endif()
if(WEFT_SANITIZE STREQUAL "address")
    list(APPEND WEFT_SANITIZE_LESS $<$<COMPILE_LANGUAGE:CXX>:-O0>)
endif()

# As a shared library, as g++ has it: what stands in for symbols of the C library (weft::posix) calls
# those that come next, and they are to be the sanitizer's.
set(WEFT_SANITIZE_LINK ${WEFT_SANITIZE_FLAGS})
if(WEFT_SANITIZE MATCHES "^(address|thread)$" AND CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    string(SUBSTRING ${WEFT_SANITIZE} 0 1 letter)
    execute_process(
        COMMAND "${CMAKE_CXX_COMPILER}"
            -print-file-name=libclang_rt.${letter}san-${CMAKE_SYSTEM_PROCESSOR}.so
        OUTPUT_VARIABLE library OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
    cmake_path(GET library PARENT_PATH folder)
    list(APPEND WEFT_SANITIZE_LINK -shared-libsan "LINKER:-rpath,${folder}")
endif()

if(WEFT_SANITIZE_FLAGS)
    add_compile_options("$<$<COMPILE_LANGUAGE:CXX>:${WEFT_SANITIZE_FLAGS};-fno-omit-frame-pointer>")
    add_link_options(${WEFT_SANITIZE_LINK})
endif()
