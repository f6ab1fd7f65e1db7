# SPDX-License-Identifier: Apache-2.0
#
# weft_test(NAME weft_lab_test SOURCES a_test.cpp LIBRARIES weft::weft [LABELS slow] [TIMEOUT 300])
#
# A GoogleTest executable; each of its cases is a test of ctest, found when ctest runs. With a
# sanitizer, where to start a process takes longer than most cases, a few processes share the cases,
# unless WEFT_TEST_EACH_ALONE is set.
include_guard(GLOBAL)

# The code of tests is optimised less than what it tests: it is most of all code, and took most of the
# time of a build. Not in Debug builds.
set(WEFT_TEST_OPTIONS ${WEFT_SANITIZE_LESS})
if(NOT WEFT_SANITIZE_LESS)
    set(WEFT_TEST_OPTIONS "$<$<AND:$<COMPILE_LANGUAGE:CXX>,$<CONFIG:RelWithDebInfo>>:-O1>")
endif()

# ThreadSanitizer is slow: no process is to run for minutes.
set(WEFT_TEST_PROCESSES_address 2)
set(WEFT_TEST_PROCESSES_thread 4)

function(weft_test_options target)
    target_compile_options(${target} PRIVATE ${WEFT_TEST_OPTIONS})
endfunction()

function(weft_test)
    cmake_parse_arguments(PARSE_ARGV 0 arg "" "NAME;TIMEOUT" "SOURCES;LIBRARIES;LABELS")
    if(arg_UNPARSED_ARGUMENTS OR NOT arg_NAME OR NOT arg_SOURCES)
        message(FATAL_ERROR "weft_test(${arg_NAME}): bad arguments: ${arg_UNPARSED_ARGUMENTS}")
    endif()
    if(NOT arg_TIMEOUT)
        set(arg_TIMEOUT ${WEFT_TEST_TIMEOUT})
    endif()
    if(NOT arg_LABELS)
        set(arg_LABELS unit)
    endif()

    add_executable(${arg_NAME} ${arg_SOURCES})
    weft_target_options(${arg_NAME})
    weft_test_options(${arg_NAME})
    target_link_libraries(${arg_NAME} PRIVATE
        ${arg_LIBRARIES} GTest::gmock GTest::gtest GTest::gtest_main)
    weft_precompile(${arg_NAME} test)
    set(processes "${WEFT_TEST_PROCESSES_${WEFT_SANITIZE}}")
    if(processes AND NOT WEFT_TEST_EACH_ALONE)
        math(EXPR timeout "4 * ${arg_TIMEOUT}")
        foreach(part RANGE 1 ${processes})
            math(EXPR index "${part} - 1")
            set(test ${arg_NAME}.${part}_of_${processes})
            add_test(NAME ${test} COMMAND ${arg_NAME} --gtest_brief=1)
            set_tests_properties(${test} PROPERTIES
                ENVIRONMENT "GTEST_TOTAL_SHARDS=${processes};GTEST_SHARD_INDEX=${index}"
                TIMEOUT ${timeout} LABELS "${arg_LABELS}")
        endforeach()
        return()
    endif()
    gtest_discover_tests(${arg_NAME}
        TEST_PREFIX "${arg_NAME}."
        DISCOVERY_MODE PRE_TEST
        DISCOVERY_TIMEOUT 60
        PROPERTIES TIMEOUT ${arg_TIMEOUT} LABELS "${arg_LABELS}")
endfunction()
