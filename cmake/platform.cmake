# SPDX-License-Identifier: Apache-2.0
#
# Where weft runs. WEFT_ARCH picks the files of a processor: x86_64 or aarch64.
if(NOT CMAKE_SYSTEM_NAME STREQUAL "Linux")
    message(FATAL_ERROR "weft runs on Linux only")
endif()

if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|amd64|AMD64)$")
    set(WEFT_ARCH x86_64)
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "^(aarch64|arm64)$")
    set(WEFT_ARCH aarch64)
else()
    message(FATAL_ERROR "weft switches stacks on x86-64 and AArch64 only, "
                        "not on ${CMAKE_SYSTEM_PROCESSOR}")
endif()
