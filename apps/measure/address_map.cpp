// SPDX-License-Identifier: Apache-2.0
#include "address_map.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

namespace weft::measure {

namespace {

std::string_view next_line(std::string_view& text) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    return line;
}

std::string_view next_word(std::string_view& line) {
    line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
    const std::size_t end = std::min(line.find(' '), line.size());
    const std::string_view word = line.substr(0, end);
    line.remove_prefix(end);
    return word;
}

std::optional<std::uint64_t> number_of(std::string_view text, int base) {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
    return error == std::errc() && end == text.data() + text.size() ? std::optional(value)
                                                                    : std::nullopt;
}

struct area {
    std::uint64_t from = 0;
    std::uint64_t to = 0;
    std::string_view access;  ///< "rw-p"
    std::string_view path;    ///< of a file, "[heap]", or empty
    double resident = 0;
    double own = 0;
    double copied = 0;
};

/// "55d0c000-55d0d000 r--p 00000000 fe:00 1234   /usr/bin/weft"
std::optional<area> area_from(std::string_view line) {
    const std::string_view range = next_word(line);
    const std::size_t dash = range.find('-');
    if (dash == range.npos) {
        return std::nullopt;
    }
    const auto from = number_of(range.substr(0, dash), 16);
    const auto to = number_of(range.substr(dash + 1), 16);
    if (!from || !to) {
        return std::nullopt;
    }
    area found{.from = *from, .to = *to, .access = next_word(line), .path = {}};
    for (int skipped = 0; skipped < 3; ++skipped) {  // offset, device, inode
        next_word(line);
    }
    line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
    found.path = line;
    return found;
}

/// "Rss:                 12 kB"
void read_field(std::string_view line, area& into) {
    const std::string_view name = next_word(line);
    const double bytes = 1024 * static_cast<double>(number_of(next_word(line), 10).value_or(0));
    if (name == "Rss:") {
        into.resident = bytes;
    } else if (name == "Private_Clean:" || name == "Private_Dirty:") {
        into.own += bytes;
    } else if (name == "Anonymous:") {
        into.copied = bytes;
    }
}

std::vector<area> areas_of(std::string_view smaps) {
    std::vector<area> areas;
    while (!smaps.empty()) {
        const std::string_view line = next_line(smaps);
        if (const auto begun = area_from(line)) {
            areas.push_back(*begun);
        } else if (!areas.empty()) {
            read_field(line, areas.back());
        }
    }
    return areas;
}

std::string file_name(std::string_view path) {
    return std::string(path.substr(path.rfind('/') + 1));
}

address_part part_of(const area& from, const address_part* before, std::string_view program,
                     const std::vector<address_mark>& marks) {
    address_part part{.kind = "anonymous",
                      .name = {},
                      .from = from.from,
                      .to = from.to,
                      .reserved = static_cast<double>(from.to - from.from),
                      .resident = from.resident,
                      .own = from.own,
                      .copied = from.copied};
    const auto marked = std::ranges::find_if(marks, [&](const address_mark& mark) {
        return mark.address >= from.from && mark.address < from.to;
    });
    const bool writes = from.access.find('w') != from.access.npos;
    const bool executes = from.access.find('x') != from.access.npos;
    if (from.path == program) {
        part.kind = executes ? "text" : writes ? "data" : "constants";
        part.name = file_name(program);
    } else if (marked != marks.end()) {
        part.kind = marked->kind;
        part.name = marked->name;
    } else if (from.path.starts_with('/')) {
        part.kind = "library";
        part.name = file_name(from.path);
    } else if (from.path == "[heap]" || from.path == "[stack]") {
        part.kind = from.path.substr(1, from.path.size() - 2);
        part.name = part.kind == "stack" ? "main thread" : "";
    } else if (from.path.starts_with('[') && !from.path.starts_with("[anon")) {
        part.kind = "kernel's";
        part.name = from.path.substr(1, from.path.size() - 2);
    } else if (from.access.starts_with("---")) {
        part.kind = "guard";
    } else if (before != nullptr && before->kind == "data" && before->to == from.from) {
        part.kind = "data";  // zeros, of which the file has none
        part.name = before->name;
    }
    return part;
}

}  // namespace

std::vector<address_part> address_map_of(std::string_view smaps, std::string_view program,
                                         const std::vector<address_mark>& marks) {
    std::vector<address_part> parts;
    for (const area& one : areas_of(smaps)) {
        address_part* const before = parts.empty() ? nullptr : &parts.back();
        address_part part = part_of(one, before, program, marks);
        if (before != nullptr && before->kind == part.kind && before->name == part.name) {
            before->to = part.to;
            before->reserved += part.reserved;
            before->resident += part.resident;
            before->own += part.own;
            before->copied += part.copied;
        } else {
            parts.push_back(std::move(part));
        }
    }
    return parts;
}

}  // namespace weft::measure
