// SPDX-License-Identifier: Apache-2.0
//
// client: a connection from a client that is logged in, and what must be remembered of it while it
// is idle. While something happens a fiber works for it (session.h) and has the rest; an idle one
// is this structure, a coroutine's frame and a socket.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <weft/time.h>

#include "backend/claimant.h"
#include "backend/fiber_starter.h"
#include "backend/input_buffer.h"
#include "backend/parameters.h"
#include "backend/subscriber.h"
#include "backend/transport.h"
#include "config/settings.h"
#include "session/conversation.h"

namespace weft::pool {

struct pool_entry;
struct client;
class client_registry;
class pooler;

/// Counts a connection, from its beginning to its end.
class counted_connection {
public:
    counted_connection() noexcept = default;
    explicit counted_connection(std::atomic<std::uint64_t>& in) noexcept : in_(&in) { ++in; }
    counted_connection(counted_connection&& other) noexcept
        : in_(std::exchange(other.in_, nullptr)) {}
    counted_connection& operator=(counted_connection&& other) noexcept {
        std::swap(in_, other.in_);
        return *this;
    }
    ~counted_connection() {
        if (in_ != nullptr) {
            --*in_;
        }
    }

private:
    std::atomic<std::uint64_t>* in_ = nullptr;
};

/// A time that others may read while its owner changes it.
class shared_time {
public:
    shared_time& operator=(clock::time_point t) noexcept {
        ticks_.store(t.time_since_epoch().count(), std::memory_order_relaxed);
        return *this;
    }
    operator clock::time_point() const noexcept {  // NOLINT(google-explicit-constructor)
        return clock::time_point(clock::duration(ticks_.load(std::memory_order_relaxed)));
    }

private:
    std::atomic<clock::rep> ticks_{0};
};

/// Bytes that are read from a client at a time. While it logs in they are few: of ten thousand that
/// come at once the holes between what stays are as large as these.
inline constexpr std::size_t client_buffer_size = 8 * 1024;
inline constexpr std::size_t login_buffer_size = 512;

/// Of clients that ask for protocol 3.2; others get the first four bytes.
inline constexpr std::size_t cancel_key_size = 32;

/// How a client without a fiber has ended to idle.
enum class idle_end : std::uint8_t {
    awake,
    called,  ///< to leave for another process, unless that fails: then it is awake
    gone,
    too_late,
    out_of_memory,
};

/// The fiber that goes on with such a client, which it owns then: session/connection.cpp. It lies
/// in the client, so that starting it needs no memory.
class wake_up final : public fiber_starter::job {
public:
    void set(pooler& with, client& who, idle_end after) noexcept {
        with_ = &with;
        who_ = &who;
        after_ = after;
    }
    void run() override;
    void drop() noexcept override;

private:
    pooler* with_ = nullptr;
    client* who_ = nullptr;
    idle_end after_ = idle_end::awake;
};

/// Leaves what it has entered when it ends, whatever it does at that time.
struct client {
    client() = default;
    client(const client&) = delete;
    client& operator=(const client&) = delete;
    ~client();

    counted_connection counted;  // the first member, so the last to go
    transport io;
    input_buffer in{login_buffer_size};
    std::shared_ptr<pool_entry> pool;
    claimant place;
    client_registry* registry = nullptr;  ///< while it is in it
    parameter_set parameters;
    journal settings;  ///< that are not among the parameters
    std::unique_ptr<client_statements> statements;
    std::shared_ptr<subscriber> hears;  ///< what its pool's listener hears for it, if anything
    clock::time_point connected;
    shared_time active;  ///< when it last asked for something
    /// What cancels its query: its number in the registry and a secret.
    std::uint32_t number = 0;
    std::uint8_t key_size = 4;
    std::array<char, cancel_key_size> key{};
    enum pool_mode mode = pool_mode::session;
    /// Whether it has a fiber, or is called to get one (departures.h).
    enum class presence : std::uint8_t { active, idle, called };
    std::atomic<presence> now{presence::active};
    wake_up wakes;
    int own_socket = -1;                     ///< of one that is called
    std::atomic<std::uint32_t> prepared{0};  ///< how many statements it has, for reports
    std::uint64_t id = 0;                    ///< never given again
    /// For reports: its user and the application_name that it came with, each with a zero byte.
    interned_ptr names;

    [[nodiscard]] std::string_view user() const noexcept { return names->bytes.c_str(); }
    [[nodiscard]] std::string_view application_name() const noexcept {
        return names->bytes.c_str() + user().size() + 1;
    }
    [[nodiscard]] std::string_view cancel_key() const noexcept { return {key.data(), key_size}; }
};

}  // namespace weft::pool
