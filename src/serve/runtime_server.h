// SPDX-License-Identifier: Apache-2.0
//
// runtime_server: what the models fiber and coroutine share. One fiber, the caller's, accepts and
// starts a fiber or a coroutine for each client, then drains.
//
// Always holds: a client that was admitted is a served_client until it is accounted for; whichever
// way it is lost (no memory for the fiber, its stack or the coroutine's frame), the client is
// refused and counted, and the drain does not wait for it.
//
// Why one accepting fiber, not one a worker: accepting is a system call and a push to a run queue;
// idle workers steal what has not started yet. More of them would share the listener's lock.
#pragma once

#include <stop_token>
#include <utility>

#include <weft/serve.h>
#include <weft/wait_group.h>

#include "base/fd.h"
#include "base/spinlock.h"
#include "io/poll_descriptor.h"
#include "sched/waiter.h"
#include "serve/acceptor.h"
#include "serve/server_state.h"

namespace weft::serving {

class runtime_server;

/// An accepted client and the place that it takes. Destroyed before finished(): it is refused.
class served_client {
public:
    served_client(runtime_server& server, base::unique_fd client) noexcept
        : server_(&server), client_(std::move(client)) {}
    served_client(served_client&& other) noexcept
        : server_(std::exchange(other.server_, nullptr)), client_(std::move(other.client_)) {}
    served_client& operator=(served_client&&) = delete;
    ~served_client();

    [[nodiscard]] runtime_server& server() const noexcept { return *server_; }
    [[nodiscard]] base::unique_fd take_socket() noexcept { return std::move(client_); }

    /// Served, its connection closed. The server may be gone when it returns.
    void finished(outcome how) noexcept;

private:
    runtime_server* server_;
    base::unique_fd client_;
};

/// Lets a stop token end the wait of one fiber.
class interruptible_wait {
public:
    /// Any thread. From now on park() returns at once.
    void interrupt() noexcept;
    [[nodiscard]] bool interrupted() const noexcept { return interrupted_.load(base::acquire); }

    /// As waiter::park(); `self` is the caller's, and prepared. wake_reason::cancelled if it was
    /// interrupted.
    sched::wake_reason park(sched::waiter& self, base::nanoseconds_t until) noexcept;

private:
    base::spinlock lock_;
    sched::waiter* waiting_ WEFT_GUARDED_BY(lock_) = nullptr;
    base::atomic<bool> interrupted_{false};  // set under the lock
};

class runtime_server {
public:
    runtime_server(io::poll_descriptor& listener, const serve_options& options) noexcept
        : listener_(listener), options_(options), state_(options) {}
    runtime_server(const runtime_server&) = delete;
    runtime_server& operator=(const runtime_server&) = delete;
    virtual ~runtime_server() = default;

    /// Serves until `stop` and drains; `force` ends the drain at once. On a fiber. When it returns
    /// no handler runs.
    result<void> run(const std::stop_token& stop, const std::stop_token& force);

    [[nodiscard]] server_state& state() noexcept { return state_; }
    [[nodiscard]] io::protocol proto() const noexcept { return listener_.proto(); }

private:
    friend class served_client;

    /// Starts what serves `client`; may throw std::bad_alloc, with or without the client.
    virtual void start(served_client client) = 0;

    result<void> accept_until_stopped();
    void admit(base::unique_fd client);
    int wait_for_client() noexcept;
    void pause() noexcept;
    void drain(const std::stop_token& force);

    io::poll_descriptor& listener_;
    const serve_options& options_;
    server_state state_;
    overload overload_;
    interruptible_wait wait_;
    wait_group clients_;
};

}  // namespace weft::serving
