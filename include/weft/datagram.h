// SPDX-License-Identifier: Apache-2.0
//
// Datagram sockets, UDP and Unix, for fibers, plain threads and coroutines alike.
//
//     auto s = *weft::datagram_socket::bind(*weft::endpoint::parse("*:5353"));
//     std::array<std::byte, 1500> buffer;
//     while (const auto got = s.receive_from(buffer)) {
//         if (!got->truncated) {
//             (void)s.send_to(std::span(buffer).first(got->size), got->from);
//         }
//     }
//
// A datagram is sent and received whole, or not at all: UDP loses some, and what does not fit into
// the buffer of the receiver is cut off, which is reported. The wait of a sender ends when the
// datagram is in the kernel's queue; that of a sender to a full Unix socket of somebody else when
// it is in theirs.
//
// Every call that may wait takes a deadline and reports std::errc::timed_out when it has passed,
// and std::errc::operation_canceled when a stop of the caller is requested; a call that need not
// wait succeeds even then. A socket with a peer also reports what came back for an earlier
// datagram, such as std::errc::connection_refused; it goes on to work.
//
// Thread safety. Any number of fibers, coroutines and threads may send and receive at the same
// time; a datagram goes to one of them. close() may be called beside other calls: they report
// std::errc::operation_canceled (calls that begin later std::errc::bad_file_descriptor). Moving and
// destroying need the object for themselves.
#pragma once

#include <cstddef>
#include <span>
#include <utility>

#include <weft/error.h>
#include <weft/socket.h>
#include <weft/task.h>
#include <weft/time.h>

namespace weft {

struct datagram_options {
    bool reuse_port = false;     ///< SO_REUSEPORT: several sockets share a port
    bool reuse_address = false;  ///< SO_REUSEADDR; for Unix paths: replace a dead socket's file
    bool broadcast = false;      ///< SO_BROADCAST: may send to broadcast addresses
};

struct received_datagram {
    std::size_t size = 0;    ///< bytes in the buffer; a datagram may have none
    bool truncated = false;  ///< it had more, which are lost
    endpoint from;           ///< none if the sender has no address, as unbound Unix sockets
};

/// A place for one of several datagrams that are received at once.
struct datagram_slot {
    std::span<std::byte> buffer;
    received_datagram received;
};

/// One of several datagrams that are sent at once.
struct outgoing_datagram {
    std::span<const std::byte> bytes;
    endpoint to;  ///< none: to the peer of the socket
};

/// See the head of the file.
class datagram_socket {
public:
    /// Closed.
    datagram_socket() noexcept = default;
    /// What was moved from is closed.
    datagram_socket(datagram_socket&& other) noexcept
        : descriptor_(std::exchange(other.descriptor_, nullptr)) {}
    /// Closes what it had.
    datagram_socket& operator=(datagram_socket&& other) noexcept;
    /// Closes it. Nobody may be in a call.
    ~datagram_socket();

    /// With the address `local`. Port 0: one that the kernel chooses, see local_endpoint(). The
    /// file of a Unix path stays when the socket is closed.
    static result<datagram_socket> bind(const endpoint& local,
                                        const datagram_options& options = {});

    /// Without an address of its own until it sends; on Unix without any. `family`: AF_INET,
    /// AF_INET6 or AF_UNIX.
    static result<datagram_socket> open(int family, const datagram_options& options = {});

    /// Takes a descriptor of type SOCK_DGRAM over. It stays the caller's on failure.
    static result<datagram_socket> from_native(int fd);

    /// From now on send() goes to `peer`, and only what comes from there is received. Does not
    /// wait: nobody asks the peer.
    result<void> connect(const endpoint& peer);

    /// Sends one datagram to the peer of connect(). std::errc::message_size: it is too long for the
    /// protocol.
    result<void> send(std::span<const std::byte> bytes, deadline until = {});

    /// The same, to `peer`.
    result<void> send_to(std::span<const std::byte> bytes, const endpoint& peer,
                         deadline until = {});

    /// Waits for a datagram. Does not look who sent it.
    result<received_datagram> receive(std::span<std::byte> bytes, deadline until = {});

    /// Waits for a datagram.
    result<received_datagram> receive_from(std::span<std::byte> bytes, deadline until = {});

    /// Waits for a datagram and takes what else has come by then into further slots, 32 with one
    /// system call. Returns how many; 0 only if there are no slots.
    result<std::size_t> receive_many(std::span<datagram_slot> slots, deadline until = {});

    /// Sends datagrams in order, 32 with one system call. Returns how many: fewer than all if one
    /// could not be sent; a call for the rest tells why.
    result<std::size_t> send_many(std::span<const outgoing_datagram> datagrams,
                                  deadline until = {});

    /// Ends whoever waits for it. Idempotent.
    void close() noexcept;

    /// Whether it was opened and not closed or released since. Any thread.
    [[nodiscard]] bool is_open() const noexcept;
    /// Its own address; one system call. Of one that was opened and has sent nothing yet, no port.
    /// std::errc::bad_file_descriptor when closed.
    [[nodiscard]] result<endpoint> local_endpoint() const;
    /// The address that was given to connect(); one system call. std::errc::not_connected if there
    /// is none, std::errc::bad_file_descriptor when closed.
    [[nodiscard]] result<endpoint> peer_endpoint() const;

    /// For setsockopt(2) and the like; -1 when closed.
    [[nodiscard]] int native_handle() const noexcept;

    /// Gives the descriptor up without closing it; -1 when closed.
    int release() noexcept;

private:
    friend struct io::access;
    explicit datagram_socket(io::poll_descriptor* descriptor) noexcept : descriptor_(descriptor) {}

    io::poll_descriptor* descriptor_ = nullptr;
};

namespace co {

/// As datagram_socket::send.
task<result<void>> send(datagram_socket& from, std::span<const std::byte> bytes,
                        deadline until = {});

/// As datagram_socket::send_to.
task<result<void>> send_to(datagram_socket& from, std::span<const std::byte> bytes, endpoint peer,
                           deadline until = {});

/// As datagram_socket::receive.
task<result<received_datagram>> receive(datagram_socket& at, std::span<std::byte> bytes,
                                        deadline until = {});

/// As datagram_socket::receive_from.
task<result<received_datagram>> receive_from(datagram_socket& at, std::span<std::byte> bytes,
                                             deadline until = {});

/// As datagram_socket::receive_many.
task<result<std::size_t>> receive_many(datagram_socket& at, std::span<datagram_slot> slots,
                                       deadline until = {});

/// As datagram_socket::send_many.
task<result<std::size_t>> send_many(datagram_socket& from,
                                    std::span<const outgoing_datagram> datagrams,
                                    deadline until = {});

}  // namespace co

}  // namespace weft
