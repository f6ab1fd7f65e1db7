# SPDX-License-Identifier: Apache-2.0
#
# Builds the project CONSUMER in WORK_DIR, from nothing, and runs its programs. With INSTALL, weft is installed
# below WORK_DIR first, into a folder with a space in its name.
file(REMOVE_RECURSE "${WORK_DIR}")
set(prefix "${WORK_DIR}/installed here")

function(run)
    execute_process(COMMAND ${ARGV} COMMAND_ECHO STDOUT COMMAND_ERROR_IS_FATAL ANY)
endfunction()

if(INSTALL)
    run("${CMAKE_COMMAND}" --install "${WEFT_BINARY_DIR}" --prefix "${prefix}"
        --component weft_development)
endif()
run("${CMAKE_COMMAND}" -S "${CONSUMER}" -B "${WORK_DIR}/build" -G "${GENERATOR}"
    "-DCMAKE_CXX_COMPILER=${CXX_COMPILER}"
    "-DCMAKE_CXX_COMPILER_LAUNCHER=${LAUNCHER}"
    "-DCMAKE_CXX_FLAGS=${CXX_FLAGS}"
    "-DCMAKE_PREFIX_PATH=${prefix}"
    "-DCMAKE_UNITY_BUILD=${UNITY}"
    "-DCMAKE_UNITY_BUILD_BATCH_SIZE=10"
    "-DWEFT_SOURCE_DIR=${WEFT_SOURCE_DIR}"
    "-DCOMPONENTS=${COMPONENTS}")
run("${CMAKE_COMMAND}" --build "${WORK_DIR}/build" --parallel 2 --target run)
