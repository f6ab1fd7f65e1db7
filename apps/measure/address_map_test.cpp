// SPDX-License-Identifier: Apache-2.0
#include "address_map.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace weft::measure {
namespace {

std::string area(const std::string& head, int resident, int own) {
    return head +
           "\nSize:                 64 kB\nRss:                  " + std::to_string(resident) +
           " kB\nPss: 1 kB\nShared_Clean:          4 kB\n" +
           "Private_Clean:         1 kB\nPrivate_Dirty:         " + std::to_string(own - 1) +
           " kB\nAnonymous: 8 kB\nVmFlags: rd wr mr mw\n";
}

// NOLINTNEXTLINE(cert-err58-cpp)
const std::string invented_smaps =
    area("00400000-00410000 r--p 00000000 fe:00 11         /usr/bin/a program", 8, 1) +
    area("00410000-00430000 r-xp 00010000 fe:00 11         /usr/bin/a program", 16, 1) +
    area("00430000-00440000 rw-p 00030000 fe:00 11         /usr/bin/a program", 12, 9) +
    area("00440000-00450000 rw-p 00000000 00:00 0 ", 4, 4) +
    area("00900000-00a00000 rw-p 00000000 00:00 0          [heap]", 40, 40) +
    area("7f0000000000-7f0000001000 ---p 00000000 00:00 0 ", 0, 1) +
    area("7f0000001000-7f0000801000 rw-p 00000000 00:00 0 ", 20, 20) +
    area("7f0001000000-7f0001010000 r-xp 00000000 fe:00 12  /lib/libc.so.6", 64, 1) +
    area("7f0001010000-7f0001020000 rw-p 00010000 fe:00 12  /lib/libc.so.6", 8, 8) +
    area("7ffe00000000-7ffe00021000 rw-p 00000000 00:00 0   [stack]", 24, 24) +
    area("7ffe00030000-7ffe00032000 r-xp 00000000 00:00 0   [vdso]", 4, 1);

TEST(address_map, names_the_parts_of_a_process) {
    const auto parts = address_map_of(invented_smaps, "/usr/bin/a program",
                                      {{0x7f0000400000, "stack", "thread 1"}});
    std::vector<std::string> names;
    for (const address_part& one : parts) {
        names.push_back(one.kind + ":" + one.name);
    }
    EXPECT_EQ(names,
              (std::vector<std::string>{"constants:a program", "text:a program", "data:a program",
                                        "heap:", "guard:", "stack:thread 1", "library:libc.so.6",
                                        "stack:main thread", "kernel's:vdso"}));
}

TEST(address_map, adds_up_what_lies_beside_each_other) {
    const auto parts = address_map_of(invented_smaps, "/usr/bin/a program", {});
    const address_part& data = parts.at(2);
    EXPECT_EQ(data.from, 0x430000u);
    EXPECT_EQ(data.to, 0x450000u);
    EXPECT_EQ(data.reserved, 0x20000);
    EXPECT_EQ(data.resident, 16 * 1024);
    EXPECT_EQ(data.own, 13 * 1024);
    EXPECT_EQ(data.copied, 16 * 1024);
    EXPECT_EQ(parts.at(5).kind, "anonymous");
    EXPECT_EQ(parts.at(5).reserved, 8 << 20);
}

TEST(address_map, of_something_else_is_empty) {
    EXPECT_TRUE(address_map_of("", "/x", {}).empty());
    EXPECT_TRUE(address_map_of("Rss: 12 kB\nnonsense\n-\n", "/x", {}).empty());
    EXPECT_EQ(address_map_of("1-2", "/x", {}).size(), 1u);
}

}  // namespace
}  // namespace weft::measure
