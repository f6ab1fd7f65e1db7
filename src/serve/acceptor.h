// SPDX-License-Identifier: Apache-2.0
//
// What the four servers have in common where clients come in: which errors of accept matter, how a
// client is refused, and what happens when descriptors or memory run out.
//
// When descriptors run out the clients stay in the listener's queue, which stays readable: a loop
// that waits for it would spin. So one descriptor is kept in reserve; it is given up for the
// moment that it takes to accept one client, refuse it and close it. If even that fails (another
// thread was faster, the system as a whole is full, memory is short) the server pauses, each time
// twice as long, from 1 to 128 ms.
#pragma once

#include <optional>
#include <string_view>

#include <weft/socket.h>

#include "base/clock.h"
#include "base/fd.h"
#include "io/socket_ops.h"

namespace weft::serving {

/// The listener for as long as a server uses it: in flight, so that a close() beside it is safe,
/// and non-blocking, because a client may be gone between poll() and accept().
class listener_use {
public:
    explicit listener_use(const listener& from) noexcept;

    /// 0, or an errno value: it cannot be used.
    [[nodiscard]] int error() const noexcept { return error_; }
    [[nodiscard]] io::poll_descriptor& descriptor() const noexcept { return *descriptor_; }

private:
    io::poll_descriptor* descriptor_;
    std::optional<io::use> call_;
    int error_ = 0;
};

/// Sends what fits of `text` without waiting, and closes.
void refuse(base::unique_fd client, std::string_view text) noexcept;

/// io::accept_once or, where the listener is waited for in the runtime's poller, io::try_accept.
using accept_function = int(io::poll_descriptor& listener) noexcept;

/// What is to be done after an accept that did not give a client.
enum class accept_failure {
    none_there,  ///< wait for the next one
    shed,        ///< resources have run out; one client was accepted and refused instead
    pause,       ///< resources have run out; wait for overload::next_pause()
    fatal,       ///< the listener is no good, or was closed: stop serving
};

/// The reserve descriptor and the pause. Belongs to one acceptor.
class overload {
public:
    overload() noexcept;

    /// After accept() returned `-error`; called between begin() and end() of `listener`.
    accept_failure deal_with(int error, io::poll_descriptor& listener, accept_function& accept,
                             std::string_view refusal) noexcept;

    /// Nanoseconds to pause now.
    [[nodiscard]] base::nanoseconds_t next_pause() noexcept;

    /// An accept went well.
    void recovered() noexcept { pause_ = shortest_pause; }

private:
    static constexpr base::nanoseconds_t shortest_pause = 1'000'000;
    static constexpr base::nanoseconds_t longest_pause = 128'000'000;

    void take_reserve() noexcept;
    accept_failure shed_one(io::poll_descriptor& listener, accept_function& accept,
                            std::string_view refusal) noexcept;

    base::unique_fd reserve_;
    base::nanoseconds_t pause_ = shortest_pause;
};

}  // namespace weft::serving
