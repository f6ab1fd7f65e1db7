// SPDX-License-Identifier: Apache-2.0
//
// departures: how clients leave for another process, which takes over what this one has. Only who
// idles can: nothing is asked and not answered, no transaction is open, no server is held, and what
// is remembered lies in `client`. TLS stays: its keys cannot be handed over. So does who listens:
// its notifications come by a connection of this process.
//
// A client without a fiber waits for its next byte in a coroutine (session.cpp). It is called by
// putting another socket, that of a peer which has gone, under the number of its descriptor, and
// closing that: what the coroutine may have read before is kept, and nothing of the client's own
// socket is read after. A stop token for each such wait was rejected: it would cost each idle
// client more memory than all else that this needs.
#pragma once

#include <atomic>
#include <functional>
#include <utility>

#include "session/client.h"
#include "session/registry.h"

namespace weft::pool {

class departures {
public:
    /// Sends what is to be known of a client, its socket and what it has sent. False: it stays. Any
    /// fiber; not at once for one client.
    using giver = std::function<bool(client&)>;

    departures() = default;
    departures(const departures&) = delete;
    departures& operator=(const departures&) = delete;

    /// From now on clients leave as soon as they idle. Once.
    void open(giver give) {
        give_ = std::move(give);
        open_.store(true, std::memory_order_release);
    }
    /// Nobody leaves any more.
    void close() noexcept { open_.store(false, std::memory_order_release); }
    [[nodiscard]] bool are_open() const noexcept { return open_.load(std::memory_order_acquire); }

    /// Whether the client is another process's now. By whoever has it, while it idles.
    [[nodiscard]] bool take(client& who) const {
        return are_open() && !who.io.encrypted() && who.hears == nullptr && give_(who);
    }

    /// Calls those that have no fiber: each gets one, which takes it. Again now and then: some may
    /// have begun to idle beside it.
    void call(const client_registry& all) const;

private:
    std::atomic<bool> open_{false};
    giver give_;  // set before open_
};

/// Gives a client that was called its own socket again. False: it could not be called, and has it.
bool has_been_called(const client_registry& all, client& who);

}  // namespace weft::pool
