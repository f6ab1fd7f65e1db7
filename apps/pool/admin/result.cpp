// SPDX-License-Identifier: Apache-2.0
#include "admin/result.h"

#include <bit>
#include <cassert>
#include <charconv>
#include <utility>

#include "wire/bytes.h"
#include "wire/message.h"

namespace weft::pool {

namespace {

void put_u64(std::string& out, std::uint64_t value) {
    put_u32(out, static_cast<std::uint32_t>(value >> 32));
    put_u32(out, static_cast<std::uint32_t>(value));
}

/// Bytes of a type whose size is fixed; 0xffff: it varies.
std::uint16_t size_of(std::uint32_t type) {
    switch (type) {
        case type::int4:
            return 4;
        case type::int8:
        case type::float8:
            return 8;
        default:
            return 0xffff;
    }
}

template <class Number>
Number number_in(const std::string& text) {
    Number value{};
    [[maybe_unused]] const auto read =
        std::from_chars(text.data(), text.data() + text.size(), value);
    assert(read.ec == std::errc() && "a table has a number that is none");
    return value;
}

/// Digits of base 10,000, the highest first; the last one counts ones.
std::string numeric_bytes(const std::string& text) {
    auto rest = number_in<std::uint64_t>(text);
    std::vector<std::uint16_t> digits;
    while (rest != 0) {
        digits.insert(digits.begin(), static_cast<std::uint16_t>(rest % 10'000));
        rest /= 10'000;
    }
    const auto count = static_cast<std::uint16_t>(digits.size());
    std::string out;
    put_u16(out, count);
    put_u16(out, count == 0 ? std::uint16_t{0} : static_cast<std::uint16_t>(count - 1));
    put_u16(out, 0);  // not negative
    put_u16(out, 0);  // no decimals
    for (const std::uint16_t digit : digits) {
        put_u16(out, digit);
    }
    return out;
}

}  // namespace

std::string to_binary(std::uint32_t type, const std::string& text) {
    std::string out;
    switch (type) {
        case type::int4:
            put_u32(out, static_cast<std::uint32_t>(number_in<std::int32_t>(text)));
            return out;
        case type::int8:
            put_u64(out, static_cast<std::uint64_t>(number_in<std::int64_t>(text)));
            return out;
        case type::float8:
            put_u64(out, std::bit_cast<std::uint64_t>(number_in<double>(text)));
            return out;
        case type::numeric:
            return numeric_bytes(text);
        default:
            return text;
    }
}

void put_columns(std::string& out, std::span<const column> columns, const result_formats& as) {
    message_builder message(out, answer::row_description);
    message.u16(static_cast<std::uint16_t>(columns.size()));
    for (std::size_t i = 0; i < columns.size(); ++i) {
        const column& each = columns[i];
        // Of no table; no modifier.
        message.text(each.name).u32(0).u16(0).u32(each.type).u16(size_of(each.type));
        message.u32(0xffffffff).u16(as.binary(i) ? 1 : 0);
    }
}

void put_cells(std::string& out, std::span<const column> columns, const table_row& values,
               const result_formats& as) {
    assert(values.size() == columns.size());
    message_builder message(out, answer::data_row);
    message.u16(static_cast<std::uint16_t>(values.size()));
    for (std::size_t i = 0; i < values.size(); ++i) {
        if (!values[i]) {
            message.u32(0xffffffff);
            continue;
        }
        const std::string bytes =
            as.binary(i) ? to_binary(columns[i].type, *values[i]) : *values[i];
        message.u32(static_cast<std::uint32_t>(bytes.size())).bytes(bytes);
    }
}

}  // namespace weft::pool
