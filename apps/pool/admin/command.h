// SPDX-License-Identifier: Apache-2.0
//
// The console's language: one command, one word for what it is about, as in `PAUSE shop;`. What a
// driver sends on its own (BEGIN, an empty query, `SELECT * FROM pools` made by a tool) is
// understood, too. Pure.
//
// Source: PgBouncer's doc/usage.md, "Admin console", for the commands; its words are [0-9a-z_]+ or
// stand in "...", values of SET also in '...'.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace weft::pool {

enum class verb : std::uint8_t {
    nothing,  ///< blanks and comments only
    unknown,
    transaction,  ///< BEGIN, COMMIT and the like: there is nothing to be undone
    show,
    set,
    pause,
    resume,
    disable,
    enable,
    reconnect,
    kill,
    kill_client,
    suspend,
    reload,
    wait_close,
    shutdown,
};

struct command {
    verb what = verb::unknown;
    std::string argument = {};  ///< of `show` and `set` in lower case; else as it was written
    std::string value = {};     ///< of `set`
    std::string tag = {};       ///< of what was done: "PAUSE"
};

/// ASCII letters only.
[[nodiscard]] std::string lower_case(std::string_view text);

/// Never fails: what is no command is verb::unknown.
[[nodiscard]] command parse_command(std::string_view sql);

}  // namespace weft::pool
