// SPDX-License-Identifier: Apache-2.0
//
// What the statements of an SQL text leave behind in the session, for a pooler whose clients get
// another server with each transaction. Reads only: no socket, no fiber. A plain call from a fiber:
// statements.h says why that is safe and what stack it needs.
//
// An effect counts once the server has completed its statement; a text that is not SQL may have
// effects here, and the server's error then says that they did not happen. What a transaction that
// is rolled back takes with it (settings: yes; locks and PREPARE: no) is the caller's to know.
//
// Read are the statement's own words, not a tree: a newer server's syntax must not hide a temporary
// table, and a deep tree must not take a fiber's stack. Where the words leave a doubt, the answer
// is the one that keeps a stranger's session safe, a pin. tests/fuzz/pool_sql_fuzz.cpp compares
// with PostgreSQL's tree.
//
// What cannot be seen: what functions and procedures do inside, but for the literal body of a DO;
// SQL that is put together at run time; texts read by a server with standard_conforming_strings
// off.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace weft::pool {

enum class effect_kind : std::uint8_t {
    /// text: the whole statement, to be sent later.
    begin,
    commit,
    rollback,
    /// Ends the transaction without a decision. What acts on prepared ones later is no effect.
    prepare_transaction,

    /// A parameter has a value: name, in lower case, and text, a statement that sets it again. If
    /// `local`, it ends with the transaction; the name is empty if set_config() computes it.
    set_parameter,
    /// name: back to the session's default. If `local`, until the transaction ends.
    reset_parameter,
    reset_all,
    /// name: the role, empty if it is reset; text: a statement that does it again. `local` as
    /// above.
    set_role,
    set_session_authorization,

    /// SQL PREPARE. name; types: what was between the parentheses; text: the statement behind AS,
    /// whose own effects come with each EXECUTE; place: of the name.
    prepare,
    /// SQL EXECUTE, also within EXPLAIN and CREATE TABLE AS. name; text: the arguments with their
    /// parentheses; place: of the name.
    execute,
    /// name, empty for all; place: of the name, or of the word ALL.
    deallocate,

    discard_all,
    discard_temp,
    discard_plans,
    discard_sequences,

    /// name: the channel.
    listen,
    /// name: the channel, empty for all.
    unlisten,

    /// The session has something that cannot follow to another server: `cause`.
    pin,
    /// A session advisory lock was given back; name: "all" if all were.
    advisory_unlock,
};

enum class pin_cause : std::uint8_t {
    none,
    temporary_object,
    held_cursor,
    advisory_lock,
    sequence_value,
    loaded_library,
    /// A setting whose value cannot be known or set again.
    setting,
    /// A connection, a backup, a replication slot or the like.
    session_resource,
    /// LISTEN to a name that only the server can read: U&"...".
    encoded_channel,
    /// A DO block that names any of these.
    code_block,
    /// A text longer than longest_read that has any of these.
    unread,
};

/// As it can be shown to a user.
std::string_view describe(pin_cause cause) noexcept;

struct text_place {
    std::size_t at = 0;
    std::size_t size = 0;
};

struct effect {
    effect_kind kind = effect_kind::pin;
    pin_cause cause = pin_cause::none;
    bool local = false;
    /// The text has no other statement.
    bool alone = false;
    /// Which statement of the text, empty ones not counted: the nth that the server completes.
    std::size_t statement = 0;
    text_place place = {};
    std::string name = {};
    std::string text = {};
    std::string types = {};
};

/// Longer texts are only looked through, for a pin.
inline constexpr std::size_t longest_read = std::size_t{256} << 10;

/// In the order of the text, a pin of a cause once a statement; of a text that is too long a pin,
/// and the EXECUTE that it begins with. Empty for what the session does not notice. Time grows with
/// the length of the text, memory with the least of that and longest_read.
std::vector<effect> effects_of(std::string_view sql);

}  // namespace weft::pool
