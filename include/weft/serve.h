// SPDX-License-Identifier: Apache-2.0
//
// serve: one server, four models of what a client costs. The handler is written once, as plain
// blocking code against `connection`, and runs
//
//   process    in a forked child of its own, as a backend of PostgreSQL does: a bug in it cannot
//              reach the other clients, not even a crash;
//   thread     on a kernel thread of its own;
//   fiber      on a fiber of its own, on as many kernel threads as the runtime has workers;
//   coroutine  as a C++ coroutine, written with co_await against `async_connection`.
//
// What all four do alike:
//   - limit: beyond options.max_connections a client is sent options.refusal and closed;
//   - failures stay inside of their connection: an exception that leaves the handler closes that
//     connection and is counted as failed. A crash (signal) ends the process: in the process model
//     that is the child, and it is counted as crashed; in the others it is the server;
//   - running out of descriptors, memory, processes or threads refuses the newcomer and keeps
//     serving those that are there;
//   - drain: when stop is requested, the server accepts no more and tells each connection, whose
//     stopping() turns true and whose read() gives what has arrived and then 0, as if the client
//     had ended its side; so a handler that loops until 0 answers what it was asked and ends.
//     What still runs when options.drain is over is forced: a process is killed; elsewhere the
//     connection is shut both ways, so that each call on it fails at once, and serve() waits for
//     the handler, since nothing can end a thread, a fiber or a coroutine from outside;
//   - the listener stays open and bound: clients that were not accepted wait in its queue, for
//     another server process that shares it or for the next serve().
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include <weft/co.h>
#include <weft/error.h>
#include <weft/runtime.h>
#include <weft/socket.h>
#include <weft/task.h>
#include <weft/time.h>

namespace weft {

namespace serving {
class server_state;
}  // namespace serving

/// What a client costs.
enum class model : std::uint8_t { process, thread, fiber, coroutine };

/// "process", "thread", "fiber", "coroutine".
std::string_view to_string(model which) noexcept;

/// The inverse of to_string; std::errc::invalid_argument for any other text.
result<model> parse_model(std::string_view name) noexcept;

/// What the two kinds of connection have in common. Belongs to the handler that it was given to and
/// ends with it: all calls are made by that handler (for fibers: also by other fibers as far as
/// weft::socket allows it), none after it has returned.
class basic_connection {
public:
    basic_connection(const basic_connection&) = delete;
    basic_connection& operator=(const basic_connection&) = delete;

    /// From now on, reads and writes that cannot finish before `when` fail with
    /// std::errc::timed_out. Never, at the start.
    void set_deadline(deadline when) noexcept { deadline_ = when; }
    /// What set_deadline() was told last.
    [[nodiscard]] deadline current_deadline() const noexcept { return deadline_; }

    /// The client's address. One system call; fails when the client has gone.
    [[nodiscard]] result<endpoint> peer() const { return socket_.peer_endpoint(); }

    /// Whether the server is draining: finish what is in hand, start nothing long. Any thread.
    [[nodiscard]] bool stopping() const noexcept;

    /// A token that turns with stopping(), for what waits on something else than this connection.
    /// In the process model the first call starts a helper thread in the child.
    [[nodiscard]] std::stop_token stop_token();

    /// The socket under it, for options and for calls that a connection does not have. The drain
    /// acts upon this very descriptor: do not close or release it, call close() instead.
    [[nodiscard]] weft::socket& socket() noexcept { return socket_; }

    /// Closes the connection before the handler ends. Idempotent.
    void close() noexcept;

protected:
    basic_connection(weft::socket client, serving::server_state& server);
    ~basic_connection();

    weft::socket socket_;  // NOLINT(*-non-private-member-variables-in-classes)
    deadline deadline_;    // NOLINT(*-non-private-member-variables-in-classes)

private:
    friend class serving::server_state;

    serving::server_state& server_;
    basic_connection* next_ = nullptr;
    basic_connection* prev_ = nullptr;
    bool entered_ = false;  // in the server's list
};

/// A client, as the handlers of the models process, thread and fiber see it.
class connection : public basic_connection {
public:
    /// At least one byte, as soon as there is any; 0 when the client has ended its side or, while
    /// the server drains, when nothing more has arrived. Errors: std::errc::timed_out, and those of
    /// recv(2).
    result<std::size_t> read(std::span<std::byte> buffer) {
        return socket_.read(buffer, deadline_);
    }

    /// All of `bytes`, or an error; after an error the stream is of no more use.
    result<void> write(std::span<const std::byte> bytes) { return socket_.write(bytes, deadline_); }

private:
    friend class serving::server_state;
    using basic_connection::basic_connection;
};

/// A client, as a coroutine handler sees it. `co_await` what read and write return, at once.
class async_connection : public basic_connection {
public:
    /// As connection::read.
    [[nodiscard]] auto read(std::span<std::byte> buffer) {
        return co::read(socket_, buffer, deadline_);
    }

    /// As connection::write.
    [[nodiscard]] auto write(std::span<const std::byte> bytes) {
        return co::write(socket_, bytes, deadline_);
    }

private:
    friend class serving::server_state;
    using basic_connection::basic_connection;
};

/// Serves one client, from accept to close: the connection is closed when it returns. One object is
/// shared by all connections and called from many threads at once (but in the process model).
using handler = std::function<void(connection&)>;
/// The same for the coroutine model. `co_await` only within; it must not block.
using async_handler = std::function<task<>(async_connection&)>;

/// A number that the server changes and anybody may read, at any time, from any thread.
class serve_counter {
public:
    serve_counter() noexcept;
    serve_counter(const serve_counter&) = delete;
    serve_counter& operator=(const serve_counter&) = delete;

    /// The number now. Never waits.
    [[nodiscard]] std::uint64_t load() const noexcept;
    /// As load().
    operator std::uint64_t() const noexcept {
        return load();
    }  // NOLINT(google-explicit-constructor)

private:
    friend class serving::server_state;
    void add(std::uint64_t n) noexcept;
    void subtract(std::uint64_t n) noexcept;

    alignas(8) std::byte storage_[8];
};

/// What became of the clients. In the process model the parent counts, by the exit status of the
/// children. When nothing is under way, accepted == active + completed + failed + crashed; while
/// something is, the reader may see one counter before the other.
struct serve_counters {
    serve_counter accepted;   ///< handed to a handler
    serve_counter refused;    ///< turned away: the limit, or a resource that had run out
    serve_counter active;     ///< handlers that run now
    serve_counter completed;  ///< handlers that returned
    serve_counter failed;     ///< handlers left by an exception; children that ended otherwise
    serve_counter crashed;    ///< children ended by a signal that was not the server's
    serve_counter forced;     ///< still running when the drain's time was over (counted above, too)
};

struct serve_options {
    /// Clients served at the same time; one more is refused. 0: no limit.
    std::size_t max_connections = 0;

    /// How long handlers may go on after stop was requested.
    std::chrono::milliseconds drain = std::chrono::seconds(5);

    /// Thread model: bytes of stack for each thread, rounded up to what the system needs at least.
    /// 0: the system's default, mostly 8 MiB of address space.
    std::size_t thread_stack_size = 0;

    /// Sent, as far as it fits into the socket's buffer, to a client that is refused.
    std::string refusal = {};

    /// Requests the stop. Without it, and without handle_signals, serve() does not end.
    std::stop_token stop = {};

    /// SIGTERM and SIGINT request the stop; a second one ends the drain at once. They are blocked
    /// on the calling thread, and on what serve() starts, while it runs. Other threads of the
    /// program must block them too. Only on a plain thread (else
    /// operation_not_permitted).
    bool handle_signals = false;

    /// Kept up to date while serve() runs; must outlive it. May be shared by several calls.
    serve_counters* counters = nullptr;

    /// Process model: descriptors that the children keep, besides 0, 1, 2 and the client's.
    std::vector<int> keep_descriptors = {};

    /// The runtime that the fiber and coroutine models start if they are called on a plain thread.
    runtime_options runtime = {};
};

/// Serves the clients of `listener` until stop is requested and the drain is over. `which`:
/// process, thread or fiber. Fails at once with invalid_argument for coroutine, and with the
/// system's error if the listener is no good or the server's own few resources cannot be had.
///
/// Process and thread: from a plain thread (else operation_not_permitted). The process model forks:
/// only the calling thread exists in the children, so no other thread should hold a lock that the
/// handler needs; best is a process with no other threads at all. While it runs, SIGCHLD is blocked
/// on the calling thread; it reaps its own children by their numbers, never another child of the
/// program. A child runs none of the program's atexit functions; it dies if its parent does, unless
/// the handler changes its user or group, at which the kernel forgets that (PR_SET_PDEATHSIG).
/// Fiber: on a fiber it uses the runtime of that fiber, else it starts one of its own.
result<void> serve(listener& from, model which, handler serve_client, serve_options options = {});

/// The coroutine model. On a fiber it uses the runtime of that fiber, else it starts its own.
result<void> serve(listener& from, async_handler serve_client, serve_options options = {});

}  // namespace weft
