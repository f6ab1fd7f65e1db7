# SPDX-License-Identifier: Apache-2.0
#
# weft_embed(TARGET [NAME FILE]...) makes files bytes of the program; apps/report/asset.h reads them.
# Of all ways to embed a file the assembler's needs no program that turns it into C++ first.
function(weft_embed target)
    set(WEFT_ASSETS "")
    set(files "")
    set(rest ${ARGN})
    while(rest)
        list(POP_FRONT rest name file)
        cmake_path(ABSOLUTE_PATH file)
        string(APPEND WEFT_ASSETS "    asset ${name}, \"${file}\"\n")
        list(APPEND files "${file}")
    endwhile()
    set(assembly "${CMAKE_CURRENT_BINARY_DIR}/${target}_assets.S")
    configure_file("${weft_SOURCE_DIR}/cmake/assets.S.in" "${assembly}" @ONLY)
    set_source_files_properties("${assembly}" PROPERTIES OBJECT_DEPENDS "${files}")
    target_sources(${target} PRIVATE "${assembly}")
endfunction()
