// SPDX-License-Identifier: Apache-2.0
//
// What the console answers: a table, a word, or an error, and how values go over the wire, in text
// or in binary (which some drivers always ask for). Pure.
//
// Source of the binary forms: PostgreSQL's src/backend/utils/adt (int4send, int8send, float8send,
// numeric_send), version 18.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "wire/build.h"

namespace weft::pool {

/// The types of columns, by their oids.
namespace type {
inline constexpr std::uint32_t int8 = 20;
inline constexpr std::uint32_t int4 = 23;
inline constexpr std::uint32_t text = 25;
inline constexpr std::uint32_t float8 = 701;
inline constexpr std::uint32_t numeric = 1700;  ///< whole ones here, not negative
}  // namespace type

struct column {
    std::string_view name;
    std::uint32_t type = type::text;
};

/// A value in text; nothing stands for NULL.
using cell = std::optional<std::string>;
using table_row = std::vector<cell>;

/// What a command has to say. At most one of `columns` and an empty tag.
struct command_result {
    std::span<const column> columns = {};  ///< none: there is no table. They must outlive this.
    std::vector<table_row> rows = {};
    std::optional<report> notice = {};
    std::string tag = {};  ///< empty: the query was empty
};

using command_answer = std::expected<command_result, report>;

/// The formats that a Bind asks for, as the protocol writes them: none (all text), one for all
/// columns, or one for each.
class result_formats {
public:
    result_formats() = default;
    explicit result_formats(std::vector<std::uint16_t> codes) : codes_(std::move(codes)) {}

    [[nodiscard]] bool fits(std::size_t columns) const noexcept {
        return codes_.size() <= 1 || codes_.size() == columns;
    }
    [[nodiscard]] bool binary(std::size_t i) const noexcept {
        return !codes_.empty() && codes_[codes_.size() == 1 ? 0 : i] == 1;
    }

private:
    std::vector<std::uint16_t> codes_;
};

/// A RowDescription.
void put_columns(std::string& out, std::span<const column> columns, const result_formats& as);
/// A DataRow.
void put_cells(std::string& out, std::span<const column> columns, const table_row& values,
               const result_formats& as);

/// A value of this type in binary, from its text.
[[nodiscard]] std::string to_binary(std::uint32_t type, const std::string& text);

}  // namespace weft::pool
