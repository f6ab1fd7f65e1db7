// SPDX-License-Identifier: Apache-2.0
//
// Every setting there is, in tables: what it is called, where it is kept, how it is written, what a
// change of it takes, what it is for. Readers, SHOW CONFIG, SET, --migrate and the list in the
// documentation come from these tables and name no setting themselves. All of PgBouncer's up to
// 1.25 are in them; those that weft-pool does not honour are kept nowhere and say what happens
// instead.
//
// The tables are constant; all functions may be called by all at the same time.
#pragma once

#include <cstdint>
#include <expected>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>
#include <vector>

#include "config/settings.h"

namespace weft::pool {

/// What a change of a setting takes.
enum class change_takes : std::uint8_t {
    reload,     ///< holds from the next decision on
    reconnect,  ///< server connections (TLS to clients: client connections) made before keep the
                ///< old
    restart,    ///< a reload leaves it as it was
};

/// How a value is written, beyond what the type of its member says.
enum class writing : std::uint8_t {
    plain,
    in_seconds,       ///< a time: numbers without a unit are seconds
    in_milliseconds,  ///< a time: numbers without a unit are milliseconds
    octal,            ///< a number that TOML and its reader see in octal
    secret,           ///< never shown
};

/// Where a setting is kept.
template <class Owner>
using member =
    std::variant<std::monostate,  // nowhere: it is not honoured
                 bool Owner::*, int Owner::*, std::uint32_t Owner::*, microseconds Owner::*,
                 std::string Owner::*, std::vector<std::string> Owner::*,
                 std::vector<std::uint16_t> Owner::*, enum pool_mode Owner::*,
                 enum auth_type Owner::*, sslmode Owner::*, enum load_balance_hosts Owner::*,
                 enum target_session_attrs Owner::*, enum log_format Owner::*,
                 protocol_version Owner::*, tls_protocols Owner::*, tenant_key Owner::*,
                 std::optional<int> Owner::*, std::optional<microseconds> Owner::*,
                 std::optional<enum pool_mode> Owner::*, std::optional<sslmode> Owner::*>;

template <class Owner>
struct setting {
    std::string_view name;
    member<Owner> where;
    std::string_view about;
    change_takes takes = change_takes::reload;
    writing how = writing::plain;
    /// Of whole numbers; `least` also of times, in microseconds.
    std::int64_t least = 0;
    std::int64_t most = std::numeric_limits<int>::max();
    /// Not honoured: PgBouncer's default, and what happens instead.
    std::string_view fixed = {};
    std::string_view instead = {};
    bool own = false;  ///< weft-pool's, not PgBouncer's
    /// In PgBouncer's connection strings 0 means that the setting is absent.
    bool zero_is_absent = false;

    [[nodiscard]] bool honoured() const noexcept { return instead.empty(); }
};

/// The general settings, by name.
[[nodiscard]] std::span<const setting<settings>> general_settings() noexcept;
[[nodiscard]] std::span<const setting<database>> database_settings() noexcept;
[[nodiscard]] std::span<const setting<user>> user_settings() noexcept;
[[nodiscard]] std::span<const setting<tenant>> tenant_settings() noexcept;

/// The table for one kind of owner.
template <class Owner>
[[nodiscard]] std::span<const setting<Owner>> settings_of() noexcept {
    if constexpr (std::is_same_v<Owner, settings>) {
        return general_settings();
    } else if constexpr (std::is_same_v<Owner, database>) {
        return database_settings();
    } else if constexpr (std::is_same_v<Owner, user>) {
        return user_settings();
    } else {
        static_assert(std::is_same_v<Owner, tenant>);
        return tenant_settings();
    }
}

/// The setting of this name; null: nobody knows it.
template <class Owner>
[[nodiscard]] const setting<Owner>* find_setting(std::string_view name) noexcept;

/// Reads `text` into the member of a setting that is honoured. An error says what is wrong with it
/// and does not repeat a secret; `into` is then as before.
template <class Owner>
[[nodiscard]] std::expected<void, std::string> set_from_text(const setting<Owner>& what,
                                                             std::string_view text, Owner& into);

/// The value as SHOW CONFIG writes it, which set_from_text() reads back. Nothing: it is absent, or
/// not honoured. Secrets are "***".
template <class Owner>
[[nodiscard]] std::optional<std::string> value_text(const setting<Owner>& what, const Owner& of);

/// The value as it stands in TOML, secrets included. Nothing: it is absent, or not honoured.
template <class Owner>
[[nodiscard]] std::optional<std::string> value_toml(const setting<Owner>& what, const Owner& of);

/// That both have the same value; of one that is not honoured, always.
template <class Owner>
[[nodiscard]] bool same_value(const setting<Owner>& what, const Owner& a, const Owner& b);

/// What a value is in TOML.
enum class value_kind : std::uint8_t {
    none,  ///< the setting is not honoured
    flag,
    number,
    numbers,  ///< one or more
    time,
    word,  ///< one of a few
    words,
    text,
};

template <class Owner>
[[nodiscard]] value_kind kind_of(const setting<Owner>& what) noexcept;

/// The console's SET: the error is what the client gets.
[[nodiscard]] std::expected<void, std::string> set_general(settings& in, std::string_view name,
                                                           std::string_view value);

/// Makes all settings that take a restart as they are in `running`.
void keep_until_restart(settings& fresh, const settings& running);

/// A row of SHOW CONFIG.
struct config_row {
    std::string key;
    std::string value;
    std::string usual;  ///< the default
    bool changeable;    ///< without a restart
};

/// SHOW CONFIG: the general settings, and "conffile".
[[nodiscard]] std::vector<config_row> show_config(const configuration& of);

/// All settings as tables of Markdown, for docs/pool.md.
[[nodiscard]] std::string settings_as_markdown();

}  // namespace weft::pool
