// SPDX-License-Identifier: Apache-2.0
//
// engine: a TLS connection: the socket, OpenSSL's SSL, and what keeps one reader and one writer
// apart. Nothing here waits. A call (tls_socket.cpp for fibers and threads, async_tls.cpp for
// coroutines) is a loop:
//
//   call c{...};
//   for (;;) {
//       { lock; n = e.advance(c); }          // the lock is short: no wait within
//       nothing:   done, see c
//       again:     it goes on, but others may have the lock first
//       readable, writable: wait for the socket
//       turn:      wait for the bell
//       a wait that failed: lock; e.abandon(c)
//   }
//
// How OpenSSL gets at the socket: by a BIO of our own (receive() and send() here), which tries and
// never waits. What it writes and the socket does not take stays in out_, so that no call of
// OpenSSL's ever stops in the middle of a record that it wants to write: a write that is given up
// leaves a stream that can be gone on with. It is bounded: one record of a write(), and what
// OpenSSL answers by itself.
//
// Who touches the socket. Reading needs the input: a reader has it during its call. A writer needs
// it only when the peer's messages after the handshake (tickets, new keys) came half, so that
// OpenSSL cannot write before it has read the rest: then it takes the input, if it is free, or
// waits for the reader to get on (turn). Sending is done under the lock by whoever has something to
// send; only a writer waits for the socket to take more, and while one does, out_ is not empty and
// others only add to it.
//
// Thread safety: everything but close() and what says otherwise needs the lock.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>

#include <weft/mutex.h>
#include <weft/socket.h>

#include "base/atomic.h"
#include "io/poll_descriptor.h"
#include "tls/context.h"
#include "tls/failure.h"
#include "tls/openssl.h"
#include "tls/select_bell.h"
#include "tls/turn.h"

namespace weft::tls {

enum class action : std::uint8_t { handshake, read, write, shutdown };

/// What a call must wait for before it can go on.
enum class need : std::uint8_t { nothing, again, readable, writable, turn };

/// A call in flight. Lives where its caller waits.
struct call {
    action what;
    /// Whether the poller reports what becomes ready: to fibers and coroutines. Else the socket is
    /// just tried.
    bool polled;
    std::byte* data = nullptr;  ///< to read to, or to write from
    std::size_t size = 0;

    std::error_code error = {};  ///< the outcome, once nothing is needed
    std::size_t done = 0;        ///< bytes read

    // Of the engine:
    bool entered = false;
    bool has_input = false;   ///< begin(direction::read) of the descriptor
    bool has_output = false;  ///< begin(direction::write)
};

class engine {
public:
    /// On `owned`, unless a socket is borrowed.
    engine(socket owned, socket* borrowed, std::shared_ptr<context> with, std::string server_name);
    engine(const engine&) = delete;
    engine& operator=(const engine&) = delete;
    ~engine();

    [[nodiscard]] mutex& lock() noexcept { return lock_; }

    need advance(call& c);

    /// A wait of `c` failed: gives back what it has, with this outcome.
    void abandon(call& c, std::error_code error) noexcept;

    /// After a wait ended at the deadline: the socket shall be tried once more, since the poller
    /// may not have looked for a while.
    void expect_ready(need n) noexcept;

    /// For a select, as a reader: whether a read would not wait. Nothing: ask again when the bell
    /// has rung.
    std::optional<bool> may_read();

    // Without the lock.

    /// Null: closed from the start.
    [[nodiscard]] io::poll_descriptor* any_descriptor() const noexcept { return descriptor_; }

    /// While a call is in flight.
    [[nodiscard]] io::poll_descriptor& descriptor() const noexcept { return *descriptor_; }
    [[nodiscard]] turn& bell() noexcept { return turn_; }
    /// To be rung after the lock was let go.
    [[nodiscard]] select_bell& of_select() noexcept { return select_bell_; }

    void close() noexcept;
    [[nodiscard]] const socket& transport() const noexcept { return *socket_; }

    // Set by the handshake and never changed after it.
    [[nodiscard]] const std::string& alpn() const noexcept { return alpn_; }
    [[nodiscard]] const std::string& server_name() const noexcept { return data_.name; }
    [[nodiscard]] bool is_client() const noexcept { return !context_->current()->of_server(); }
    [[nodiscard]] const char* version() const noexcept { return version_; }
    [[nodiscard]] const char* cipher() const noexcept { return cipher_; }
    [[nodiscard]] bool resumed() const noexcept { return resumed_; }
    [[nodiscard]] const X509* peer() const noexcept { return peer_.get(); }
    [[nodiscard]] const X509* own() const noexcept { return own_.get(); }

    /// Of a failure that a call has reported; empty if there is none, also while other calls run.
    [[nodiscard]] std::string explanation() const {
        if (!explained_.load(base::acquire)) {
            return {};
        }
        return failure_.text.empty() && failure_.code ? failure_.code.message() : failure_.text;
    }

private:
    friend struct bio_calls;

    /// What a call of OpenSSL's came to.
    enum class outcome : std::uint8_t { good, wants_input, ended, failed };

    int enter(call& c) noexcept;
    void leave(call& c) noexcept;
    need step(call& c);
    need handshake(call& c);
    need read(call& c);
    need write(call& c);
    need shutdown(call& c);

    template <class Function>
    outcome run(call& c, Function function);
    need get_input(call& c) noexcept;
    need wait_for_input(call& c) noexcept;
    void give_input(call& c) noexcept;
    void ring_if_wanted() noexcept;
    std::error_code start();
    void establish();
    need flush(const call& c) noexcept;
    need finish(call& c, std::error_code error = {}) noexcept;
    void fail(unsigned long error) noexcept;
    failure reason_of(unsigned long error) const;

    // For the BIO: a count, or an errno value, negated. The call that runs now is running_.
    ssize_t receive(std::span<std::byte> bytes) noexcept;
    ssize_t transmit(const call& c, std::span<const std::byte> bytes) noexcept;
    bool send(std::span<const std::byte> bytes) noexcept;

    mutex lock_;
    turn turn_;
    select_bell select_bell_;

    const std::shared_ptr<context> context_;
    std::shared_ptr<const settings> settings_;  // from the beginning of the handshake
    socket owned_;
    socket* const socket_;
    io::poll_descriptor* const descriptor_;  // null: closed from the start
    connection_data data_;
    ssl_ptr ssl_;
    call* running_ = nullptr;

    bool established_ = false;
    bool peer_ended_ = false;  // by close_notify
    bool we_ended_ = false;
    bool stream_over_ = false;  // the socket's stream has ended
    bool input_taken_ = false;
    bool turn_wanted_ = false;
    bool reading_ = false;
    bool writing_ = false;
    int receive_error_ = 0;  // errno values
    int send_error_ = 0;
    bool refused_output_ = false;          // out_ was full
    failure failure_;                      // the first one; it ends the connection
    base::atomic<bool> explained_{false};  // failure_ stays as it is

    std::string out_;           // what the socket has not taken yet
    std::size_t out_sent_ = 0;  // of that: what it has taken since

    std::string alpn_;
    const char* version_ = "";
    const char* cipher_ = "";
    bool resumed_ = false;
    x509_ptr peer_;
    x509_ptr own_;
};

}  // namespace weft::tls
