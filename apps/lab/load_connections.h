// SPDX-License-Identifier: Apache-2.0
//
// The mechanism of the load generator: thousands of non-blocking client sockets on one epoll loop,
// each with at most one request under way. What to send when is the business of a generator_phase
// (load_phases.h), which run() calls back.
//
// One thread. After construction and connecting nothing allocates: messages are built in one
// buffer and answers checked in place, so that a client is 32 bytes here and the measured process
// is the one on the other side. Sockets are registered once, edge-triggered, for both directions.
//
// Every echoed byte is compared with what was sent. A connection is closed with a reset: it leaves
// no TIME_WAIT socket behind whose memory and port would show up in the next measurement.
#pragma once

#include "load_report.h"
#include "message.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include <sys/epoll.h>
#include <sys/socket.h>

namespace weft::lab {

/// Nanoseconds of the steady clock.
[[nodiscard]] std::int64_t now_ns() noexcept;

/// Where some of the clients connect to.
struct load_target {
    sockaddr_storage address{};
    socklen_t address_size = 0;
    std::uint64_t clients = 0;
    /// How many clients of other load processes connect to the same address: with `clients` this
    /// numbers the clients of a target, and the number picks the source address.
    std::uint64_t first = 0;
};

/// A source address offers 28,232 ports by default; beyond this many clients of one loopback
/// target the next source address is used (127.0.0.2, 127.0.0.3, ...).
inline constexpr std::uint64_t clients_per_source_address = 20'000;

class generator_phase {
public:
    virtual ~generator_phase() = default;
    /// Timed work; returns when it wants to be called again (steady clock, nanoseconds). Called
    /// before each wait.
    virtual std::int64_t tick(std::int64_t now) = 0;
    virtual bool finished() const = 0;
    virtual void connected(std::uint32_t client, std::int64_t now);
    virtual void answered(std::uint32_t client, std::int64_t now) = 0;
    /// The client is closed already. `waited`: a request of it was under way.
    virtual void lost(std::uint32_t client, load_error error, bool waited) = 0;
    /// What is done, of how much: for progress displays.
    virtual std::pair<std::uint64_t, std::uint64_t> progress() const = 0;
};

struct load_options {
    std::size_t message_size = 64;
    /// Readable or at its end: the current phase stops early. -1: none. Not read here.
    int control_fd = -1;
    std::function<void(std::uint64_t done, std::uint64_t total)> progress;
};

class load_connections {
public:
    explicit load_connections(load_options options);
    ~load_connections();
    load_connections(const load_connections&) = delete;
    load_connections& operator=(const load_connections&) = delete;

    [[nodiscard]] bool is_open() const noexcept { return epoll_ >= 0; }

    /// Room for this many clients, all closed. Closes the ones before.
    void reset(std::uint64_t clients);
    [[nodiscard]] std::uint32_t size() const noexcept {
        return static_cast<std::uint32_t>(clients_.size());
    }
    [[nodiscard]] bool connected(std::uint32_t client) const noexcept {
        return clients_[client].state == client_state::open;
    }
    [[nodiscard]] bool busy(std::uint32_t client) const noexcept { return clients_[client].busy; }
    /// What send() was given for the request under way.
    [[nodiscard]] std::int64_t started(std::uint32_t client) const noexcept {
        return clients_[client].started;
    }
    [[nodiscard]] std::uint64_t open_clients() const noexcept { return open_; }

    /// Begins to connect; the phase hears connected() or lost(), possibly before this returns.
    void connect(std::uint32_t client, const load_target& target, std::uint64_t number);
    /// Sends one message on a connected client that is not busy. `started` is kept for the phase.
    void send(std::uint32_t client, std::int64_t started, poison_kind poison = poison_kind::none);
    /// Closes without telling the phase.
    void drop(std::uint32_t client) noexcept;
    void drop_all() noexcept;

    /// Runs until the phase has finished or the control descriptor became readable; false in the
    /// latter case. At most `batch` events are handled between two ticks.
    bool run(generator_phase& phase, int batch);

private:
    enum class client_state : std::uint8_t { closed, connecting, open };

    struct slot {
        int fd = -1;
        std::uint32_t sequence = 0;
        std::uint32_t sent = 0;
        std::uint32_t received = 0;
        std::int64_t started = 0;
        client_state state = client_state::closed;
        poison_kind poison = poison_kind::none;
        bool busy = false;
    };

    [[nodiscard]] message_header header_of(std::uint32_t index) const noexcept;
    void handle(std::uint32_t index, std::uint32_t events);
    void finish_connect(std::uint32_t index);
    void continue_send(std::uint32_t index);
    void receive(std::uint32_t index, bool hang_up);
    /// False when the client was lost.
    bool take_bytes(std::uint32_t index, std::size_t count);
    void fail(std::uint32_t index, load_error error);

    load_options options_;
    message_format format_;
    std::vector<slot> clients_;
    std::vector<std::byte> buffer_;
    std::vector<epoll_event> events_;
    generator_phase* phase_ = nullptr;
    std::uint64_t open_ = 0;
    int epoll_ = -1;
};

}  // namespace weft::lab
