// SPDX-License-Identifier: Apache-2.0
//
// conversation: what is known about a client and a server that talk to each other, from the bytes
// that have passed: what is asked and not answered, whether a transaction is open, which prepared
// statements there are. Its two halves read the bytes (request_reader.h, answer_reader.h). Knows no
// sockets. Not thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "backend/latest_statement.h"
#include "backend/parameters.h"
#include "backend/statement_cache.h"
#include "session/expectations.h"
#include "session/journal.h"
#include "session/outbox.h"
#include "wire/build.h"
#include "wire/message.h"

namespace weft::pool {

/// The prepared statements of a client, by the names that it gave them.
struct text_hash : std::hash<std::string_view> {
    using is_transparent = void;
};
using client_statements =
    std::unordered_map<std::string, statement_ptr, text_hash, std::equal_to<>>;

/// The channels of a client (LISTEN) whose notifications come by another connection than that of
/// the server which it has: session/listening.h.
class channel_wishes {
public:
    channel_wishes() = default;
    channel_wishes(const channel_wishes&) = delete;
    channel_wishes& operator=(const channel_wishes&) = delete;
    virtual ~channel_wishes() = default;

    /// The server will be asked to listen to it. May wait. False: the client must keep that server.
    virtual bool wish(std::string_view channel) = 0;
    /// The server has done so, for good.
    virtual bool confirm(std::string_view channel) = 0;
    /// The same if it was confirmed before this transaction.
    virtual bool confirm_again(std::string_view channel) = 0;
    [[nodiscard]] virtual bool any() const = 0;
    /// Whether it is confirmed.
    [[nodiscard]] virtual bool hears(std::string_view channel) const = 0;
    /// The server has been told UNLISTEN. What the same transaction confirms later stays.
    virtual void drop(std::string_view channel) = 0;
    virtual void drop_all() = 0;
    /// A transaction has ended. `rests`: no LISTEN is under way, so what was wished for and is not
    /// confirmed will not be.
    virtual void settle(bool rests) = 0;
};

/// Whom a conversation is between. What it points to must outlive it.
struct conversation_parts {
    intern_table& statements;
    intern_table& sets;
    const parameter_names& followed;
    /// 0: prepared statements are not followed, and pass as they are.
    std::size_t most_statements = 0;
    /// Whether what statements do to the session is followed.
    bool follows_session = false;
    std::uint32_t longest_message = 0x7fffffff;
    /// The simple query protocol is not allowed (disable_pqexec).
    bool refuses_queries = false;
};

struct conversation {
    explicit conversation(const conversation_parts& with) noexcept : parts(with) {}

    const conversation_parts parts;

    // Of the client, for as long as it lives; null: it has none.
    std::unique_ptr<client_statements>* client_names = nullptr;
    parameter_set* client_parameters = nullptr;
    journal* client_journal = nullptr;
    channel_wishes* wishes = nullptr;  ///< null: who listens keeps its server
    // Of the server, while there is one.
    statement_cache* server_statements = nullptr;
    parameter_set* server_parameters = nullptr;
    journal* server_journal = nullptr;
    latest_statement* server_latest = nullptr;  ///< null: nobody wants to know

    expectations expected;
    char status = transaction::idle;  ///< of the last ReadyForQuery
    bool unsynced = false;            ///< part of an extended query was sent, and no Sync behind it
    bool skipping = false;            ///< the server has failed, and ignores all up to a Sync
    bool copy_in = false;             ///< the client sends the rows of a COPY
    bool copy_both = false;           ///< both do, as in replication
    /// Syncs that the server ignores because it copies in; if it fails, those that it had not read
    /// by then are answered.
    std::uint32_t ignored_syncs = 0;
    /// So many answers may come that are not expected: no other client may get this server.
    bool doubtful = false;
    /// What the statement without a name does is known: it was parsed since meet().
    bool unnamed_known = false;
    /// The client has had this server do nothing yet, since it got it.
    bool fresh = false;
    /// It may have made this server listen.
    bool listens = false;
    /// A transaction has ended since this was reset: now is the time to tell what was notified.
    bool between = false;
    // Bytes that are still to come of the message that passes; 0: none does.
    std::size_t request_left = 0;
    std::size_t answer_left = 0;

    // A statement that a table below it has changed makes its Bind fail ("cached plan must not
    // change result type"). If nothing of the batch has been answered, it can be done again, with
    // the statement made anew: exchange.cpp.
    bool bound_by_name = false;     ///< statements of `bound`, since reset by the exchange
    bool prepares_by_name = false;  ///< what cannot be done twice
    bool may_repeat = false;        ///< the batch is at hand as a whole, and none of it is answered
    bool repeats = false;           ///< it has failed so: the error is kept back
    std::vector<statement_ptr> bound;

    /// Why the client must keep its server, in words; empty: it need not.
    std::string pinned_by;
    /// Told that it must, and which statement of which text made it; no longer than the call.
    std::function<void(std::string_view cause, std::string_view sql, std::size_t statement)> on_pin;
    /// The client has statements on this server by its own names, beside those that are followed.
    /// It is pinned, and what it prepares is not followed any more.
    bool has_own_names = false;
    /// What the pooler prepared for a query has failed, and the client has the error: that of the
    /// query, which the server could not know, is not for it.
    bool answered = false;
    std::optional<report> own_failure;  ///< what a server said to what the pooler asked it
    // Since reset_counts().
    std::uint32_t queries = 0;       ///< that were answered
    std::uint32_t transactions = 0;  ///< that have ended
    // Of prepared statements that are followed.
    std::uint32_t client_parses = 0;
    std::uint32_t server_parses = 0;  ///< that the pooler let through, or made itself
    std::uint32_t binds = 0;

    /// Another server takes part from now on.
    void meet(statement_cache& its_statements, parameter_set& its_parameters,
              journal& its_settings) noexcept {
        server_statements = &its_statements;
        server_parameters = &its_parameters;
        server_journal = &its_settings;
        doubtful = unnamed_known = listens = false;
        fresh = pinned_by.empty();
    }

    /// Whether the two are in the middle of something other than a transaction.
    [[nodiscard]] bool busy() const noexcept {
        return !expected.empty() || unsynced || skipping || copy_in || copy_both ||
               request_left != 0 || answer_left != 0;
    }
    /// Whether the server has nothing to do for this client, and gets nothing more from it.
    [[nodiscard]] bool over() const noexcept {
        return !busy() && status == transaction::idle && pinned_by.empty();
    }

    /// The server is asked for this; what is behind a zero byte does not count.
    void note_statement(std::string_view sql) const noexcept {
        if (server_latest != nullptr) {
            server_latest->set(sql);
        }
    }

    /// What `sql` does to the session, if that is followed.
    [[nodiscard]] effects_ptr read(std::string_view sql) const;
    /// The same; pins at once what cannot follow, but for PREPARE, which mostly can
    /// (request_reader.h).
    effects_ptr look_at(std::string_view sql);
    /// The client keeps its server from now on. Nothing, if it does already.
    void pin(std::string_view cause, std::string_view sql, std::size_t statement = 0);
    /// The server has done what has these effects, unless the transaction fails.
    void note_done(const effects_ptr& effects);
    void note_failed() noexcept { failed_ = true; }
    /// Of a CommandComplete.
    void note_tag(std::string_view tag);
    /// A ReadyForQuery has come: what the transaction did counts, or does not.
    void note_ready();

    /// Puts the answers that the pooler makes itself and whose turn it is.
    void make_answers(outbox& to_client);

    /// The server has failed: it has not done what follows, up to a Sync.
    void give_up_to_sync();
    /// It has not done this.
    void undo(const expectation& what);

    /// The server has no prepared statements any more, nor has the client, if it is the client that
    /// has seen to it. What was asked for behind that is still to be done.
    void forget_statements(bool of_client);

private:
    void redo(const expectation& what);
    client_statements& names();
    void pin(const effect& by, std::string_view sql);
    [[nodiscard]] bool has_listened() const;
    [[nodiscard]] bool listen_follows() const;
    void apply(const effect& done);
    void apply_to_settings(const effect& done);
    void confirm(const effect& listened);

    std::vector<effects_ptr> done_;  // since the transaction began
    bool failed_ = false;            // a statement of an implicit transaction has
    bool rolled_back_ = false;       // the last tag says so
    bool partly_ = false;            // to a savepoint
};

/// What a reader has made of some bytes.
struct reading {
    std::size_t taken = 0;   ///< how many of them are dealt with, once the outbox is sent
    std::size_t needed = 0;  ///< how many must be there at once to go on; 0: any
    bool more = false;       ///< the outbox is full: go on when it has been sent
    bool terminate = false;  ///< the client says goodbye
    std::string error = {};  ///< what is wrong with them; empty: nothing
};

}  // namespace weft::pool
