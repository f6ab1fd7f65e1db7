// SPDX-License-Identifier: Apache-2.0
//
// Stream sockets, TCP and Unix, for fibers and plain threads alike. On a fiber a call that must
// wait parks the fiber and its worker runs others; on a plain thread it blocks the thread.
// Coroutines use <weft/co.h>. A socket may move between all of these, and between runtimes.
//
// Every call that may wait takes a deadline and reports std::errc::timed_out when it has passed; a
// call that need not wait succeeds even then. Nothing here raises SIGPIPE. Give read() more room
// than you expect: a read that fills its buffer costs one more system call to learn that nothing is
// left.
//
// Thread safety. One reader and one writer at a time for each socket, which may be different
// fibers; two readers abort the process. Any number of fibers may accept on a listener. close() may
// be called beside other calls: they report std::errc::operation_canceled (calls that begin later
// std::errc::bad_file_descriptor), and the number of the descriptor is not reused before they have
// left. Moving and destroying need the object for themselves.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <weft/detail/unique_fd.h>
#include <weft/error.h>
#include <weft/time.h>

namespace weft {

namespace io {
class poll_descriptor;
struct access;
}  // namespace io

/// The address of one end of a socket: IPv4, IPv6 or Unix. A plain value.
class endpoint {
public:
    /// None: family() is AF_UNSPEC.
    endpoint() noexcept { std::memset(&address_, 0, sizeof address_); }

    /// "127.0.0.1:80", "[::1]:80", "[fe80::1%eth0]:80", "*:80" (any IPv4 address), "unix:/path",
    /// "unix:@name" or "@name" (abstract: no file). Numbers only: no names are looked up.
    /// errc::invalid_address if it is none of these, std::errc::filename_too_long for a long path.
    static result<endpoint> parse(std::string_view text);

    /// 127.0.0.1
    static endpoint loopback(std::uint16_t port) noexcept;

    /// Copies an address that a system call returned.
    static result<endpoint> from_native(const sockaddr* address, socklen_t size) noexcept;

    /// AF_INET, AF_INET6, AF_UNIX; AF_UNSPEC of none.
    [[nodiscard]] int family() const noexcept { return address_.any.sa_family; }

    /// 0 for Unix addresses.
    [[nodiscard]] std::uint16_t port() const noexcept;

    /// As parse() reads it.
    [[nodiscard]] std::string to_string() const;

    /// For system calls; as long as the endpoint lives.
    [[nodiscard]] const sockaddr* data() const noexcept { return &address_.any; }
    /// Bytes of what data() points to; 0 of none.
    [[nodiscard]] socklen_t size() const noexcept { return size_; }

    friend bool operator==(const endpoint& a, const endpoint& b) noexcept {
        return a.size_ == b.size_ && std::memcmp(&a.address_, &b.address_, a.size_) == 0;
    }

private:
    union address {
        sockaddr any;
        sockaddr_in ipv4;
        sockaddr_in6 ipv6;
        sockaddr_un local;
    };

    static result<endpoint> parse_inet(std::string_view text);
    static result<endpoint> parse_local(std::string_view name);
    static result<endpoint> parse_ipv6(std::string_view host, std::uint16_t port);

    address address_;
    socklen_t size_ = 0;
};

/// Who is at the other end of a Unix socket: what they were when they connected or listened.
struct credentials {
    pid_t process = 0;
    uid_t user = 0;
    gid_t group = 0;
};

/// What socket::receive_descriptors() got.
struct received_descriptors {
    std::size_t size = 0;                ///< bytes; 0: the peer has ended the stream
    std::vector<unique_fd> descriptors;  ///< closed on exec
    /// This process had no room for some of the descriptors: they are lost.
    bool truncated = false;
};

/// A connected stream.
class socket {
public:
    /// Closed.
    socket() noexcept = default;
    /// What was moved from is closed.
    socket(socket&& other) noexcept : descriptor_(std::exchange(other.descriptor_, nullptr)) {}
    /// Closes what it had.
    socket& operator=(socket&& other) noexcept;
    /// Closes it. Nobody may be in a call.
    ~socket();

    /// Takes a connected descriptor of type SOCK_STREAM over. It stays the caller's on failure.
    static result<socket> from_native(int fd);

    /// Reads what has come, at least one byte; waits if there is none. 0: the peer has ended the
    /// stream (or `bytes` is empty).
    result<std::size_t> read(std::span<std::byte> bytes, deadline until = {});

    /// Writes all of `bytes`. After a failure it is unknown how much of them the peer got.
    result<void> write(std::span<const std::byte> bytes, deadline until = {});

    /// Fills `bytes`. errc::unexpected_end_of_stream if the stream ends before that; after a
    /// failure what has come is lost.
    result<void> read_exactly(std::span<std::byte> bytes, deadline until = {});

    /// As read(), into several parts one after the other.
    result<std::size_t> readv(std::span<const std::span<std::byte>> parts, deadline until = {});

    /// As write(): all of the parts, one after the other, with as few system calls as can be.
    result<void> writev(std::span<const std::span<const std::byte>> parts, deadline until = {});
    /// The same: `writev({head, body})`.
    result<void> writev(std::initializer_list<std::span<const std::byte>> parts,
                        deadline until = {}) {
        return writev(std::span(parts.begin(), parts.size()), until);
    }

    /// Writes `bytes`, at least one, and gives the peer, with the first of them, copies of
    /// `descriptors`, at most 253. They stay the caller's. Unix sockets only:
    /// std::errc::operation_not_supported.
    result<void> send_descriptors(std::span<const int> descriptors,
                                  std::span<const std::byte> bytes, deadline until = {});

    /// As read(), with the descriptors that came along, if any did. One call takes the bytes of one
    /// send_descriptors() at most. (read() closes what comes along.) `bytes` must not be empty.
    result<received_descriptors> receive_descriptors(std::span<std::byte> bytes,
                                                     deadline until = {});

    /// Unix sockets only: std::errc::operation_not_supported.
    [[nodiscard]] result<credentials> peer_credentials() const;

    /// Tells the peer that nothing more will come; reading goes on.
    result<void> shutdown_write();

    /// Ends the connection and whoever waits for it. Idempotent.
    void close() noexcept;

    /// Whether it was opened and not closed or released since. Any thread.
    [[nodiscard]] bool is_open() const noexcept;

    /// The address of this side; one system call. std::errc::bad_file_descriptor when closed.
    [[nodiscard]] result<endpoint> local_endpoint() const;
    /// The address of the other side; one system call. std::errc::not_connected when the peer has
    /// gone, std::errc::bad_file_descriptor when closed.
    [[nodiscard]] result<endpoint> peer_endpoint() const;

    /// For setsockopt(2) and the like; -1 when closed. It is in blocking mode, and must stay so for
    /// plain threads to be fast. TCP_NODELAY is on, unless the
    /// descriptor came through from_native().
    [[nodiscard]] int native_handle() const noexcept;

    /// Gives the descriptor up without closing it; -1 when closed.
    int release() noexcept;

private:
    friend struct io::access;
    explicit socket(io::poll_descriptor* descriptor) noexcept : descriptor_(descriptor) {}

    io::poll_descriptor* descriptor_ = nullptr;
};

/// Connects to `peer`, with TCP_NODELAY.
result<socket> connect(const endpoint& peer, deadline until = {});

/// Writes `length` bytes of the file `file` (less if it ends before), from `offset` on; its own
/// position stays. Returns how many. The bytes do not come into the process, unless the file's
/// kind cannot do without; then a buffer of 64 KiB is used. Reading the file may block in the
/// kernel as reading any file may. After a failure it is unknown how much the peer got.
///
/// This and copy_stream() put the sockets into non-blocking mode for good: on plain threads a call
/// that must wait then costs two system calls more.
result<std::uint64_t> send_file(socket& to, int file, std::uint64_t offset, std::uint64_t length,
                                deadline until = {});

/// Reads from `from` and writes to `to` until the end of `from`; returns how many bytes. They do
/// not come into the process: they go through a pipe, or, where there is none to be had, a buffer
/// of 64 KiB. After a failure some that were read may not have been written. Both directions of a
/// proxy are two calls on two fibers.
result<std::uint64_t> copy_stream(socket& from, socket& to, deadline until = {});

struct listen_options {
    int backlog = 4096;         ///< connections that wait to be accepted; the kernel's limit holds
    bool reuse_port = false;    ///< SO_REUSEPORT: several listeners share a port
    bool reuse_address = true;  ///< SO_REUSEADDR; for Unix paths: replace a dead socket's file
};

/// Where connections come in.
class listener {
public:
    /// Closed.
    listener() noexcept = default;
    /// What was moved from is closed.
    listener(listener&& other) noexcept : descriptor_(std::exchange(other.descriptor_, nullptr)) {}
    /// Closes what it had.
    listener& operator=(listener&& other) noexcept;
    /// Closes it. Nobody may be in a call.
    ~listener();

    /// Port 0: one that the kernel chooses, see local_endpoint(). The file of a Unix path stays
    /// when the listener is closed, because another process may listen on it by then.
    static result<listener> bind(const endpoint& local, const listen_options& options = {});

    /// Takes a listening descriptor over. It stays the caller's on failure.
    static result<listener> from_native(int fd);

    /// The next connection. Failures like std::errc::too_many_files_open are reported and leave the
    /// connection in the queue; connections that are gone by now are passed over.
    result<socket> accept(deadline until = {});

    /// Ends whoever waits in accept(). While somebody does, other processes that share the
    /// listening socket cannot accept on it any more either. Idempotent.
    void close() noexcept;

    /// Whether it was opened and not closed or released since. Any thread.
    [[nodiscard]] bool is_open() const noexcept;
    /// Where it listens, with the port that the kernel has chosen; one system call.
    /// std::errc::bad_file_descriptor when closed.
    [[nodiscard]] result<endpoint> local_endpoint() const;
    /// For setsockopt(2) and the like; -1 when closed. It is in blocking mode.
    [[nodiscard]] int native_handle() const noexcept;
    /// Gives the descriptor up without closing it; -1 when closed. Whoever waits must have left.
    int release() noexcept;

private:
    friend struct io::access;
    explicit listener(io::poll_descriptor* descriptor) noexcept : descriptor_(descriptor) {}

    io::poll_descriptor* descriptor_ = nullptr;
};

}  // namespace weft
