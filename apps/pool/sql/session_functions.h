// SPDX-License-Identifier: Apache-2.0
//
// PostgreSQL's functions that leave something behind in the session that calls them, or that answer
// from it. For needs_look.cpp, which looks for their names, and calls.cpp, which reads their calls.
//
// Not among them: setval() and nextval(), whose effect on other sessions is the one that counts, as
// most that draw never ask what they have drawn (request_reader::forget_draws() is for those that
// do), and functions of the user, of whose inside a pooler knows nothing.
//
// Source: PostgreSQL documentation, chapter "Functions and Operators"; dblink and pg_trgm for the
// last three.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace weft::pool {

enum class session_call : std::uint8_t {
    set_config,
    lock,
    unlock,
    sequence,
    setting,
    /// Something else that ends with the session.
    other,
};

struct session_function {
    std::string_view name;
    session_call call;
};

inline constexpr std::array session_functions{
    session_function{"set_config", session_call::set_config},
    session_function{"pg_advisory_lock", session_call::lock},
    session_function{"pg_advisory_lock_shared", session_call::lock},
    session_function{"pg_try_advisory_lock", session_call::lock},
    session_function{"pg_try_advisory_lock_shared", session_call::lock},
    session_function{"pg_advisory_unlock", session_call::unlock},
    session_function{"pg_advisory_unlock_shared", session_call::unlock},
    session_function{"pg_advisory_unlock_all", session_call::unlock},
    session_function{"currval", session_call::sequence},
    session_function{"lastval", session_call::sequence},
    session_function{"setseed", session_call::setting},
    // Their names up to PostgreSQL 14, and since.
    session_function{"pg_start_backup", session_call::other},
    session_function{"pg_backup_start", session_call::other},
    // The slot may be a temporary one.
    session_function{"pg_create_physical_replication_slot", session_call::other},
    session_function{"pg_create_logical_replication_slot", session_call::other},
    session_function{"pg_copy_physical_replication_slot", session_call::other},
    session_function{"pg_copy_logical_replication_slot", session_call::other},
    session_function{"pg_replication_origin_session_setup", session_call::other},
    session_function{"dblink_connect", session_call::other},
    session_function{"dblink_connect_u", session_call::other},
    session_function{"set_limit", session_call::setting},
};

/// `name` in lower case.
constexpr std::optional<session_call> session_call_of(std::string_view name) noexcept {
    const auto* const found = std::ranges::find(session_functions, name, &session_function::name);
    return found == session_functions.end() ? std::nullopt : std::optional(found->call);
}

}  // namespace weft::pool
