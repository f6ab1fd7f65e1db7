# SPDX-License-Identifier: Apache-2.0
#
# weft_layer(NAME base LEVEL 0
#            SOURCES a.cpp b.S          # all files of the layer, by name
#            HEADERS a.h                # private headers, for IDEs and for the reader
#            TESTS   a_test.cpp         # one executable weft_<name>_test per layer
#            DEPENDS OpenSSL::SSL)      # libraries from outside
#
# A layer is an object library weft_<name>. Its test links the layer and those with a lower level
# and nothing else, so that a call upward fails to link. The objects of all layers make up libweft.a
# (src/CMakeLists.txt).
include_guard(GLOBAL)

set_property(GLOBAL PROPERTY WEFT_LAYERS "")   # names, in the order of their levels
set_property(GLOBAL PROPERTY WEFT_DEPENDS "")  # libraries from outside, of all layers

# Flags of every target of the project; none of them reaches a user of weft::weft.
function(weft_target_options target)
    target_compile_options(${target} PRIVATE
        $<$<COMPILE_LANGUAGE:CXX>:-Wall -Wextra -Wshadow -Wconversion -Wnon-virtual-dtor>
        $<$<COMPILE_LANG_AND_ID:CXX,Clang>:-Wthread-safety>
        # It takes what a unity build includes for headers.
        $<$<AND:$<COMPILE_LANG_AND_ID:CXX,GNU>,$<BOOL:${CMAKE_UNITY_BUILD}>>:-Wno-subobject-linkage>
        $<$<AND:$<COMPILE_LANGUAGE:CXX>,$<BOOL:${WEFT_WERROR}>>:-Werror>)
    if(WEFT_SANITIZE STREQUAL "thread" AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
        # It warns at each stand-alone fence; base/atomic.h replaces the one that matters.
        target_compile_options(${target} PRIVATE $<$<COMPILE_LANGUAGE:CXX>:-Wno-tsan>)
    endif()
endfunction()

# Lets `target` see private headers ("layer/x.h") and public ones (<weft/x.h>).
function(weft_target_internals target)
    weft_target_options(${target})
    target_include_directories(${target} PRIVATE
        "${weft_SOURCE_DIR}/src" "${weft_SOURCE_DIR}/include")
    target_compile_definitions(${target} PRIVATE
        WEFT_SAVE_FP_CONTROL=$<BOOL:${WEFT_SAVE_FP_CONTROL}>)
    target_link_libraries(${target} PRIVATE Threads::Threads)
endfunction()

function(weft_layer)
    cmake_parse_arguments(PARSE_ARGV 0 arg "" "NAME;LEVEL" "SOURCES;HEADERS;TESTS;DEPENDS")
    if(arg_UNPARSED_ARGUMENTS OR NOT arg_NAME OR NOT DEFINED arg_LEVEL)
        message(FATAL_ERROR "weft_layer(${arg_NAME}): bad arguments: ${arg_UNPARSED_ARGUMENTS}")
    endif()

    set(target weft_${arg_NAME})
    add_library(${target} OBJECT ${arg_SOURCES} ${arg_HEADERS})
    set_target_properties(${target} PROPERTIES
        LINKER_LANGUAGE CXX WEFT_LEVEL ${arg_LEVEL})
    weft_target_internals(${target})
    target_link_libraries(${target} PRIVATE ${arg_DEPENDS})
    weft_precompile(${target} std)

    set(lower "")
    get_property(layers GLOBAL PROPERTY WEFT_LAYERS)
    foreach(layer IN LISTS layers)
        get_target_property(level weft_${layer} WEFT_LEVEL)
        if(level LESS arg_LEVEL)
            list(APPEND lower weft_${layer})
        endif()
    endforeach()
    set_property(GLOBAL APPEND PROPERTY WEFT_LAYERS ${arg_NAME})
    set_property(GLOBAL APPEND PROPERTY WEFT_DEPENDS ${arg_DEPENDS})

    if(WEFT_BUILD_TESTS AND arg_TESTS)
        get_property(depends GLOBAL PROPERTY WEFT_DEPENDS)
        weft_test(NAME ${target}_test SOURCES ${arg_TESTS}
                  LIBRARIES ${target} ${lower} ${depends})
        weft_target_internals(${target}_test)
    endif()
endfunction()
