// SPDX-License-Identifier: Apache-2.0
//
// server_state: what a running server knows about its connections, whatever the model: how many
// there are, what became of the others, whether it drains, and which sockets the drain acts upon.
//
// Thread safety: every method from any thread, but child_of_fork() and signalled(), which belong to
// a single-threaded child of the process model.
//
// Why the drain shuts sockets down instead of waking the waiters: shutdown(2) needs no knowledge of
// who reads, whether it is a kernel thread in recv, a fiber in the poller or a handler that will
// call read() a moment later; nothing is lost between "looked at stopping()" and "went to sleep".
#pragma once

#include <cstddef>
#include <mutex>
#include <stop_token>
#include <thread>

#include <weft/serve.h>

#include "base/atomic.h"
#include "base/fd.h"
#include "base/thread_block.h"
#include "io/socket_ops.h"

namespace weft::serving {

enum class outcome { completed, failed, crashed };

class server_state {
public:
    explicit server_state(const serve_options& options) noexcept
        : counters_(options.counters != nullptr ? *options.counters : own_counters_),
          max_connections_(options.max_connections) {}
    server_state(const server_state&) = delete;
    server_state& operator=(const server_state&) = delete;

    /// Takes a place for one more connection; false if the server is full. Whoever got it gives it
    /// back by finished() or, if the connection could not be served after all, by turned_away().
    bool try_admit() noexcept;
    void finished(outcome how) noexcept;
    void turned_away() noexcept;

    /// A client that got no place.
    void refused() noexcept { counters_.refused.add(1); }

    /// Children of the process model that the drain killed; the other models count in force().
    void forced(std::size_t n) noexcept { counters_.forced.add(n); }

    [[nodiscard]] std::size_t active() const noexcept { return active_.load(base::acquire); }

    /// Serves one client on what runs here and closes it; exceptions of the handler end here.
    outcome serve(const handler& serve_client, base::unique_fd client, io::protocol proto) noexcept;

    /// For a coroutine, which does the same.
    async_connection make_async_connection(io::poll_descriptor& client);

    [[nodiscard]] bool stopping() const noexcept { return stopping_.load(base::relaxed); }
    std::stop_token stop_token();

    /// Ends the reading side of all connections, present and future. Idempotent.
    void begin_drain() noexcept;

    /// Ends both sides of the connections that are left, and counts them. Idempotent.
    void force() noexcept;

    /// In a child of the process model, before serve(): SIGTERM begins the drain from now on.
    void child_of_fork() noexcept;

private:
    friend class weft::basic_connection;

    void enter(basic_connection& c) noexcept;
    void leave(basic_connection& c) noexcept;
    void shut_rest() noexcept;
    void watch_signal();
    static void signalled(int signal) noexcept;

    serve_counters own_counters_;
    serve_counters& counters_;
    const std::size_t max_connections_;
    base::atomic<std::size_t> active_{0};
    base::atomic<bool> stopping_{false};
    bool forced_ = false;  // under mutex_

    // A kernel mutex: coroutines come here on their worker's own stack, where no fiber's mutex may
    // be waited for; and clients may be ten thousand kernel threads, too many to spin. Sections are
    // short, and who is in one is not preempted: all who leave would block behind it, a kernel
    // thread each.
    struct section {
        explicit section(std::mutex& mutex) : guard(mutex) {}
        base::preemption_disabled undisturbed;
        std::lock_guard<std::mutex> guard;
    };
    static constexpr unsigned shut_at_once = 8;
    std::mutex mutex_;
    basic_connection* first_ = nullptr;
    basic_connection* to_shut_ = nullptr;  // the next one to shut down
    std::stop_source stop_;

    bool in_child_ = false;
    base::atomic<int> signalled_socket_{-1};      // the child's connection, for its signal handler
    base::atomic<std::uint32_t> signal_came_{0};  // futex word
    std::thread signal_watcher_;                  // ends with the process
};

}  // namespace weft::serving
