// SPDX-License-Identifier: Apache-2.0
//
// client: a connection from a client that is logged in, and what must be remembered of it while it
// is idle. While something happens a fiber works for it (session.h) and has the rest; an idle one
// is this structure, a coroutine's frame and a socket.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include <weft/time.h>

#include "backend/claimant.h"
#include "backend/input_buffer.h"
#include "backend/parameters.h"
#include "backend/transport.h"
#include "config/settings.h"
#include "session/conversation.h"

namespace weft::pool {

struct pool_entry;

/// Bytes that are read from a client at a time.
inline constexpr std::size_t client_buffer_size = 8 * 1024;

/// Of clients that ask for protocol 3.2; others get the first four bytes.
inline constexpr std::size_t cancel_key_size = 32;

struct client {
    transport io;
    input_buffer in{client_buffer_size};
    std::shared_ptr<pool_entry> pool;
    claimant place;
    parameter_set parameters;
    journal settings;  ///< that are not among the parameters
    std::unique_ptr<client_statements> statements;
    clock::time_point connected;
    clock::time_point active;  ///< when it last asked for something
    /// What cancels its query: its number in the registry and a secret.
    std::uint32_t number = 0;
    std::uint8_t key_size = 4;
    std::array<char, cancel_key_size> key{};
    enum pool_mode mode = pool_mode::session;

    [[nodiscard]] std::string_view cancel_key() const noexcept { return {key.data(), key_size}; }
};

}  // namespace weft::pool
