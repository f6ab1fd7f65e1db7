// SPDX-License-Identifier: Apache-2.0
#include "sql/type_names.h"

#include <algorithm>
#include <array>
#include <string>

#include "sql/token.h"

namespace weft::pool {

namespace {

struct known_type {
    std::string_view name;
    std::uint32_t number;
    std::uint32_t array;
};

constexpr std::array known_types{
    known_type{"int", 23, 1007},
    known_type{"integer", 23, 1007},
    known_type{"int4", 23, 1007},
    known_type{"bigint", 20, 1016},
    known_type{"int8", 20, 1016},
    known_type{"smallint", 21, 1005},
    known_type{"int2", 21, 1005},
    known_type{"text", 25, 1009},
    known_type{"varchar", 1043, 1015},
    known_type{"character varying", 1043, 1015},
    known_type{"char", 1042, 1014},
    known_type{"character", 1042, 1014},
    known_type{"bpchar", 1042, 1014},
    known_type{"bool", 16, 1000},
    known_type{"boolean", 16, 1000},
    known_type{"bytea", 17, 1001},
    known_type{"numeric", 1700, 1231},
    known_type{"decimal", 1700, 1231},
    known_type{"float8", 701, 1022},
    known_type{"double precision", 701, 1022},
    known_type{"float4", 700, 1021},
    known_type{"real", 700, 1021},
    known_type{"date", 1082, 1182},
    known_type{"time", 1083, 1183},
    known_type{"time without time zone", 1083, 1183},
    known_type{"timetz", 1266, 1270},
    known_type{"time with time zone", 1266, 1270},
    known_type{"timestamp", 1114, 1115},
    known_type{"timestamp without time zone", 1114, 1115},
    known_type{"timestamptz", 1184, 1185},
    known_type{"timestamp with time zone", 1184, 1185},
    known_type{"interval", 1186, 1187},
    known_type{"uuid", 2950, 2951},
    known_type{"json", 114, 199},
    known_type{"jsonb", 3802, 3807},
    known_type{"inet", 869, 1041},
    known_type{"cidr", 650, 651},
    known_type{"name", 19, 1003},
    known_type{"oid", 26, 1028},
};

/// Up to a comma or the end. The number in parentheses, as in varchar(10), says nothing here.
std::optional<std::uint32_t> take_type(token_cursor& at) {
    if (at.peek().is("pg_catalog") && at.peek(1).is_symbol('.')) {
        at.skip(2);
    }
    std::string name;
    bool is_array = false;
    while (!at.at_end() && !at.peek().is_symbol(',')) {
        if (at.peek().is_symbol('(')) {
            (void)at.take_parentheses();
        } else if (at.take_symbol('[')) {
            if (at.peek().kind == token_kind::number) {
                at.skip();
            }
            if (!at.take_symbol(']')) {
                return std::nullopt;
            }
            is_array = true;
        } else if (at.peek().kind == token_kind::word && !is_array) {
            name += (name.empty() ? "" : " ") + name_of(at.peek());
            at.skip();
        } else {
            return std::nullopt;
        }
    }
    const auto* const found = std::ranges::find(known_types, name, &known_type::name);
    return found == known_types.end() ? std::nullopt
                                      : std::optional(is_array ? found->array : found->number);
}

}  // namespace

std::optional<std::vector<std::uint32_t>> type_numbers_of(std::string_view types) {
    std::vector<token> tokens;
    token_reader reader(types);
    for (token each = reader.next(); each.kind != token_kind::end; each = reader.next()) {
        tokens.push_back(each);
    }
    std::vector<std::uint32_t> numbers;
    token_cursor at(tokens);
    while (!at.at_end()) {
        const auto number = take_type(at);
        if (!number) {
            return std::nullopt;
        }
        numbers.push_back(*number);
        if (at.take_symbol(',') && at.at_end()) {
            return std::nullopt;
        }
    }
    return numbers;
}

}  // namespace weft::pool
