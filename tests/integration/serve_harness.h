// SPDX-License-Identifier: Apache-2.0
//
// For tests of the servers: a server in a process of its own, one handler whose behaviour the
// client chooses by the first byte of what it sends, and a client. Everything that waits has a
// deadline.
//
// The server has a process of its own, whatever its model, because the process model must fork
// where no other thread runs, and because a test can then look at the server as the system sees
// it: its descriptors, its children, its CPU time, its limits. Its counters lie in shared memory.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <weft/serve.h>

namespace weft::serving::testing {

/// What the handler does with a message, by its first byte: a control character, so that no text is
/// taken for a command. Everything else is sent back.
enum command : char {
    command_throw = 1,        ///< throws
    command_leave = 2,        ///< returns
    command_segv = 3,         ///< writes to address 8
    command_abort = 4,        ///< calls abort()
    command_await_stop = 5,   ///< waits until stopping(), sends "bye" and goes on
    command_ignore_stop = 6,  ///< sends "on", then sends until that fails
    command_descriptors = 7,  ///< sends the numbers of its descriptors, as "0 1 2 5"
    command_stack_size = 8,   ///< sends the stack size of its kernel thread
    command_process_id = 9,   ///< sends its process number
    command_token = 10,       ///< sends "waits", then "token" when its stop token turns
    command_deadline = 11,    ///< reads with 20 ms to go, sends what the error was
    command_fiber_name = 12,  ///< sends the name of its fiber
};

void scripted(connection& c);
task<> scripted_coroutine(async_connection& c);

/// Polls `condition` until it holds; false after ten seconds.
bool eventually(const std::function<bool()>& condition);

class server_process {
public:
    /// Serves `at` with the scripted handler, until stop(). `prepare` runs first, in the server.
    explicit server_process(model which, serve_options options = {},
                            std::optional<endpoint> at = std::nullopt,
                            const std::function<void(serve_options&)>& prepare = {});
    server_process(const server_process&) = delete;
    server_process& operator=(const server_process&) = delete;
    ~server_process();

    [[nodiscard]] const endpoint& address() const { return address_; }
    [[nodiscard]] const serve_counters& counters() const { return *counters_; }
    [[nodiscard]] pid_t pid() const { return pid_; }

    /// SIGTERM, which requests the stop.
    void request_stop() const;

    /// request_stop() and wait().
    std::string stop();

    /// Waits for the end of the process: "ended" if serve() ended well, else "status N" or
    /// "signal N".
    std::string wait();

    /// User and system time of the server alone, without its children.
    [[nodiscard]] std::chrono::milliseconds cpu_time() const;

private:
    pid_t pid_ = -1;
    serve_counters* counters_;
    listener listener_;
    endpoint address_;
};

class client {
public:
    explicit client(const server_process& server);

    void send(std::string_view text);
    void send(command what) { send(std::string_view(reinterpret_cast<const char*>(&what), 1)); }
    /// What one read gives; "" at the end of the stream, "error: ..." for an error.
    std::string receive();
    /// All until the end of the stream.
    std::string receive_all();
    /// Nothing more will be sent.
    void end_stream() { static_cast<void>(socket_.shutdown_write()); }
    /// Whether the server answers.
    bool echoes(std::string_view text = "hello");
    /// Closes with a reset instead of an end of stream.
    void reset();
    void close() { socket_.close(); }

private:
    weft::socket socket_;
};

}  // namespace weft::serving::testing
