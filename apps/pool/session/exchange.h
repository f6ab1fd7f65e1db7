// SPDX-License-Identifier: Apache-2.0
//
// exchange: moves bytes between a client and the server that it has, in both directions, until the
// server can go back to its pool or one of the three (client, server, time) has ended. One fiber
// does both directions: mostly they take turns, so it waits for one side only; where both may move
// (pipelines, COPY, a query that takes long) it waits for both. What one side does not take, the
// other is not read for: no more than a buffer of each is held.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <weft/time.h>

#include "backend/server.h"
#include "session/answer_reader.h"
#include "session/client.h"
#include "session/conversation.h"
#include "session/outbox.h"
#include "session/pooler.h"
#include "session/request_reader.h"

namespace weft::pool {

/// Times of 0 mean: without limit.
struct exchange_limits {
    std::chrono::microseconds query{0};
    std::chrono::microseconds idle_transaction{0};
    std::chrono::microseconds transaction{0};
    std::chrono::microseconds idle_client{0};  ///< in session mode, where it keeps its server
    /// As idle_transaction, while others wait for a server.
    std::chrono::microseconds idle_transaction_when_wanted{0};

    bool operator==(const exchange_limits&) const = default;
};

/// How an exchange ended.
enum class exchange_end : std::uint8_t {
    over,          ///< the server has nothing to do, and may be used by others
    terminated,    ///< the client has said goodbye
    client_gone,   ///< it ended the connection, or that failed
    client_error,  ///< it sent what is no message; failure() says what
    server_gone,
    server_error,       ///< the server sent what is no message
    parameters_failed,  ///< a parameter of the client could not be set; failure() says why
    transaction_refused,
    query_timeout,
    idle_transaction_timeout,
    idle_transaction_preempted,  ///< others wait for the server
    transaction_timeout,
    idle_timeout,
    notifications_lost,  ///< loss() says why
};

class exchange {
public:
    exchange(const pooler& of, client& with, conversation& about) noexcept
        : pooler_(of), client_(with), about_(about), requests_(about), answers_(about) {}

    /// Until the server is not needed any more, or as long as the client lives if it `keeps` it.
    /// `single`: a transaction must not outlast a statement. `begin`: a statement that the client
    /// has been told was done; empty: none. `now` is when it got the server.
    exchange_end run(server& with, bool keeps, bool single, const exchange_limits& limits,
                     const std::string& begin, clock::time_point now);

    [[nodiscard]] const std::string& failure() const noexcept { return failure_; }
    [[nodiscard]] const report& loss() const noexcept { return loss_; }
    /// Whether the client is in the middle of a message or of an answer: then it cannot be told
    /// what went wrong.
    [[nodiscard]] bool within_answer() const noexcept {
        return answers_.within_message() || !to_client_.empty();
    }
    /// Whether the server has not been sent all that it shall get.
    [[nodiscard]] bool within_request() const noexcept { return !to_server_.empty(); }
    /// Adds what the last run has done to the counts of the client's pool: it ended at `now`. A run
    /// that keeps its server does so itself after each transaction, too.
    void count(clock::time_point now);

private:
    using end = std::optional<exchange_end>;

    void prepare_session(const std::string& begin);
    void ask_of_own(const std::string& sql);
    end move_requests();
    void keep_batch(std::size_t taken);
    void repeat_batch();
    end move_answers();
    end send_to_server();
    end send_to_client();
    end wait();
    end wait_for_one(bool of_server);
    end take_notified();
    end wait_for_both(select_case* other);
    [[nodiscard]] bool rests() const noexcept;
    end read_client(deadline until, bool& came);
    end read_server(deadline until, bool& came);
    [[nodiscard]] deadline limit() const;
    [[nodiscard]] deadline next_look() const;
    [[nodiscard]] end passed_limit() const;
    [[nodiscard]] bool client_may_talk() const noexcept;
    [[nodiscard]] bool needs_more_of_request() const noexcept;
    void note_phase();
    void add_phase(clock::time_point until) noexcept;

    const pooler& pooler_;
    client& client_;
    conversation& about_;
    request_reader requests_;
    answer_reader answers_;
    server* server_ = nullptr;
    bool keeps_ = false;
    bool single_ = false;
    exchange_limits limits_;
    outbox to_server_;
    outbox to_client_;
    std::size_t requests_taken_ = 0;  // of the client's buffer: they lie in to_server_
    std::size_t answers_taken_ = 0;
    bool more_requests_ = false;  // in the client's buffer, to be read now
    std::size_t request_needed_ = 0;
    std::size_t answer_needed_ = 0;
    bool patient_ = true;          // one side is waited for; else both
    bool timed_ = false;           // there is a limit
    bool asks_ = false;            // the server has been asked, since phase_began_
    bool in_transaction_ = false;  // when the phase began
    clock::time_point began_;
    clock::time_point phase_began_;
    // Of the run, not counted yet, and without the phase that lasts.
    std::chrono::nanoseconds asked_{0};
    std::chrono::nanoseconds idle_in_transaction_{0};
    std::string batch_;           // of the client, from where nothing is answered yet
    bool has_asked_ = false;      // something has come from the client
    std::uint64_t answered_ = 0;  // from_server_ before it
    std::string failure_;
    report loss_;
    std::uint64_t from_client_ = 0;  // bytes, since the exchange was made
    std::uint64_t from_server_ = 0;
    std::size_t moved_ = 0;  // in this turn
    std::uint64_t counted_from_client_ = 0;
    std::uint64_t counted_from_server_ = 0;
};

}  // namespace weft::pool
