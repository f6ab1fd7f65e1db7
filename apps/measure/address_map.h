// SPDX-License-Identifier: Apache-2.0
//
// The address space of a process as the kernel tells it in /proc/PID/smaps (proc(5)), in parts that
// have a name. Pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace weft::measure {

/// One part: areas that lie beside each other and are the same thing.
struct address_part {
    std::string kind;  ///< "text", "data", "heap", "stack", "library", ...
    std::string name;  ///< what it belongs to: a file, "thread 2"
    std::uint64_t from = 0;
    std::uint64_t to = 0;
    double reserved = 0;  ///< bytes; less than to - from where others lie between
    double resident = 0;
    double own = 0;     ///< resident pages that no other process has
    double copied = 0;  ///< of no file, or no longer as in the file (anonymous pages)
};

/// An address of which it is known what it belongs to.
struct address_mark {
    std::uint64_t address = 0;
    std::string kind;
    std::string name;
};

/// In the order of addresses. `program`: the path of its file, whose parts are text and data.
std::vector<address_part> address_map_of(std::string_view smaps, std::string_view program,
                                         const std::vector<address_mark>& marks);

}  // namespace weft::measure
