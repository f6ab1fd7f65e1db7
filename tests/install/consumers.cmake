# SPDX-License-Identifier: Apache-2.0
#
# A program for each library that is there; the target `run` runs them. weft::weft alone must do for
# the first: it needs nothing of the components.
set(ran "")
foreach(program core posix tls dns)
    set(library weft::${program})
    if(program STREQUAL "core")
        set(library weft::weft)
    elseif(NOT TARGET ${library})
        message(STATUS "without ${library}")
        continue()
    endif()
    add_executable(${program}_consumer "${CMAKE_CURRENT_LIST_DIR}/${program}_consumer.cpp")
    target_link_libraries(${program}_consumer PRIVATE ${library})
    list(APPEND ran COMMAND ${program}_consumer)
endforeach()
add_custom_target(run ${ran} VERBATIM)
