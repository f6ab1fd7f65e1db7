// SPDX-License-Identifier: Apache-2.0
//
// What a reload changes: for the log, and to know what must be done about it. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "config/setting_table.h"
#include "config/settings.h"

namespace weft::pool {

/// One thing that differs.
struct change {
    enum class place : std::uint8_t { general, database, user, tenant };
    enum class kind : std::uint8_t { changed, added, removed };

    place of = place::general;
    kind what = kind::changed;
    std::string name;     ///< of the database ("*": the fallback), user or tenant; else empty
    std::string setting;  ///< empty: the whole entry was added or removed
    std::string before;   ///< empty: absent. Never a secret.
    std::string after;
    change_takes takes = change_takes::reload;

    bool operator==(const change&) const = default;
};

/// All that differs, in the order of the tables.
[[nodiscard]] std::vector<change> difference(const configuration& before,
                                             const configuration& after);

/// "listen_port: 6432 -> 6433 (needs a restart)", one line.
[[nodiscard]] std::string text_of(const change& of);

}  // namespace weft::pool
