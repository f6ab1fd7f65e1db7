// SPDX-License-Identifier: Apache-2.0
//
// Parameters that follow a client from server to server: those that PostgreSQL reports when they
// change (GUC_REPORT), as client_encoding. Each side has a set of values; before a client's request
// goes to a server, those that differ are set there.
//
// Sources: PostgreSQL documentation, "Asynchronous Operations" of the protocol, for what is
// reported; PgBouncer's doc/config.md (track_extra_parameters) for which of them follow.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "backend/interned.h"

namespace weft::pool {

/// Which parameters are followed. Immutable; a set of values has one for each, in this order, and
/// none for those that are not known.
class parameter_names {
public:
    /// The usual ones and `extra`.
    explicit parameter_names(std::span<const std::string> extra = {});

    /// Letters count as equal in upper and lower case. Nothing: it is not followed.
    [[nodiscard]] std::optional<std::size_t> index_of(std::string_view name) const noexcept;
    [[nodiscard]] std::size_t count() const noexcept { return names_.size(); }
    [[nodiscard]] const std::string& operator[](std::size_t i) const noexcept { return names_[i]; }

private:
    std::vector<std::string> names_;
};

/// A set of values, interned. Null: none is known.
using parameter_set = interned_ptr;

/// The values of a set; those that are not known have no data(), which an empty one has. They live
/// as long as the set.
std::vector<std::string_view> values_of(const parameter_set& set, const parameter_names& names);
/// The set with these values, in the same form.
parameter_set make_set(intern_table& table, std::span<const std::string_view> values);
/// The set with one value changed.
parameter_set with_value(intern_table& table, const parameter_set& set,
                         const parameter_names& names, std::size_t index, std::string_view value);

/// SQL that brings a server from `has` to `wants`; empty if nothing differs. What no server reports
/// is the same, empty, in both.
std::string sql_to_set(const parameter_names& names, const parameter_set& has,
                       const parameter_set& wants);

/// Whether the set has a value for the name with this index: of a server, that it reports it.
bool has_value(const parameter_set& set, const parameter_names& names, std::size_t index);

/// The statement that sets one.
std::string sql_to_set_one(const std::string& name, std::string_view value);

/// `text` as a literal of SQL, whatever standard_conforming_strings is.
std::string quoted_literal(std::string_view text);

}  // namespace weft::pool
