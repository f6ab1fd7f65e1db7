// SPDX-License-Identifier: Apache-2.0
//
// notification_listener: one connection that listens (LISTEN) for all clients of a database whose
// servers change with each transaction. It is there while somebody listens, and a little longer.
//
// If it is lost, notifications may be: the clients that listen are told, and end, as they would
// without a pooler. To listen anew in silence would leave them with a gap that they cannot see.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <expected>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <weft/channel.h>
#include <weft/condition_variable.h>
#include <weft/mutex.h>
#include <weft/time.h>
#include <weft/wait_group.h>

#include "backend/fiber_starter.h"
#include "backend/parameters.h"
#include "backend/server.h"
#include "backend/subscriber.h"
#include "wire/build.h"

namespace weft::pool {

/// For reports.
struct listener_status {
    bool connected = false;
    std::uint32_t channels = 0;
    std::uint32_t clients = 0;
    std::uint32_t process = 0;  ///< of the server
    clock::time_point connected_at;
    std::uint64_t received = 0;   ///< notifications, all told
    std::uint64_t delivered = 0;  ///< to clients: one may go to many
};

/// How long a connection waits.
struct listener_patience {
    /// It stays for so long when nobody needs it; and when it has heard nothing for so long, the
    /// server has to show that it is there.
    std::chrono::nanoseconds idle = std::chrono::seconds(10);
    /// For an answer; and for what is written to be taken.
    std::chrono::nanoseconds answer = std::chrono::seconds(10);
};

/// What came of a wish to listen.
enum class hearing : std::uint8_t {
    heard,
    refused,  ///< the server does not listen to that; no other one will
    ended,    ///< the connection shall end: so must the client, which has been told why
    not_now,  ///< there is no connection
};

/// Thread-safe.
class notification_listener {
public:
    using connector = std::function<std::expected<std::unique_ptr<server>, report>()>;

    /// `lost` is called when the connection has ended by itself, with the number of LISTENs whose
    /// clients end; on a fiber.
    notification_listener(
        fiber_starter& starter, const parameter_names& followed,
        std::function<void(std::size_t)> lost = [](std::size_t) {},
        const listener_patience& patience = {});
    /// Nobody may listen any more. Waits for a connection that is being made.
    ~notification_listener();
    notification_listener(const notification_listener&) = delete;
    notification_listener& operator=(const notification_listener&) = delete;

    /// What is notified at `channel` from its return on goes to `who`. Waits for the server's word;
    /// `connect` is used if there is no connection; what it refers to must outlive this. If it is
    /// not heard nothing has changed. Throws std::bad_alloc.
    hearing subscribe(const std::shared_ptr<subscriber>& who, std::string_view channel,
                      connector connect, deadline until);
    void unsubscribe(const subscriber& who, std::string_view channel) noexcept;
    /// From all channels.
    void leave(const subscriber& who) noexcept;
    /// client_encoding of what is heard.
    [[nodiscard]] std::string encoding() const;

    /// Closes the connection; whoever listens gets `why`. Returns at once.
    void end(const report& why);

    /// Whether there is a connection, or one is being made or closed.
    [[nodiscard]] bool is_running() const;
    [[nodiscard]] listener_status status() const;

private:
    /// What came before its own LISTEN was answered is not for it, even if another one has heard
    /// it.
    struct entry {
        std::shared_ptr<subscriber> who;
        std::uint64_t asked = 0;  // number of the LISTEN
        bool heard = false;       // it was answered
    };
    using topic = std::vector<entry>;  // empty: UNLISTEN has to be sent
    struct command {
        std::uint64_t number = 0;  // of a LISTEN; 0: another one
        std::string channel;
        clock::time_point sent;
    };

    entry* find(const subscriber& who, std::string_view channel);
    void remove(const subscriber& who, std::string_view channel) noexcept;
    void start();
    void serve();
    void connect_and_converse();
    bool converse(server& with);
    bool send_commands(server& with, bool probes);
    std::string take_commands(bool probes);
    bool receive(server& with);
    void take_message(char type, std::string_view body, std::string_view whole);
    void deliver(std::string_view body, std::string_view whole);
    void answered();
    [[nodiscard]] bool is_needed();
    [[nodiscard]] bool shall_end() const;
    [[nodiscard]] bool is_silent() const;
    [[nodiscard]] deadline next_look() const;
    void finish() noexcept;

    fiber_starter& starter_;
    const parameter_names& followed_;
    const std::function<void(std::size_t)> on_loss_;
    const listener_patience patience_;
    mutable mutex mutex_;
    condition_variable changed_;
    const channel<char> bell_{1};  // something is to be done by the fiber
    connector connect_;
    std::map<std::string, topic, std::less<>> topics_;
    std::deque<command> commands_;  // LISTEN, to be sent
    bool has_empty_topics_ = false;
    std::uint64_t last_refused_ = 0;  // a number
    std::deque<command> sent_;        // and not answered
    bool failed_ = false;             // the one that is being answered
    std::uint64_t last_number_ = 0;
    bool running_ = false;                         // a fiber is
    std::uint32_t fibers_there_ = 0;               // with those that say goodbye
    std::optional<clock::time_point> idle_since_;  // nobody needs it
    const report_ptr lost_;                        ///< what is said if nothing else is
    report_ptr ended_;                             // why it shall end
    std::string encoding_;
    listener_status status_;
    wait_group fibers_;
};

}  // namespace weft::pool
