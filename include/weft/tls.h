// SPDX-License-Identifier: Apache-2.0
//
// TLS 1.2 and 1.3 over a connected weft::socket, by OpenSSL 3, for fibers, plain threads and
// coroutines. A component of its own: link weft::tls (weft::weft needs no OpenSSL).
//
//     const auto trust = weft::tls_context::client();          // authorities: the system's
//     weft::tls_socket peer(std::move(tcp), *trust, "example.org");
//     if (!peer.handshake(5s)) {
//         std::fputs(peer.explain().c_str(), stderr);
//     }
//
// A tls_context says who one is and whom one trusts; all connections of a program share one. A
// tls_socket is a connection. It has the calls of a socket, and four more: handshake() before the
// first byte, shutdown() after the last one, explain() when something failed, and what was agreed.
//
// Waiting. Calls park the fiber, or block the plain thread, that makes them; coroutines use
// co::read() and the like (below). Each takes a deadline, is bounded by the scope around it
// (<weft/scope.h>), and leaves the connection usable when it reports std::errc::timed_out or
// std::errc::operation_canceled: handshake() may be called again and goes on, a later write() sends
// first what is left of an earlier one. Other failures end the connection; later calls repeat them.
//
// Errors. Of the connection: those of weft::socket. Of TLS: weft::tls_errc, one for each check that
// can fail; explain() says it with names and dates. The end of a stream counts only if the peer has
// said so (close_notify): read() returns 0 then. A connection that ends otherwise is reported as
// tls_errc::truncated, which equals std::errc::connection_aborted, since somebody between the two
// may have cut it.
//
// Thread safety. A tls_context may be used by all at the same time. On a tls_socket one reader and
// one writer (write() or shutdown()) at a time, which may be different fibers; nobody beside
// handshake(). Two readers or two writers abort the process. close() may be called beside other
// calls, which then report std::errc::operation_canceled. Moving and destroying need the object for
// themselves.
//
// Cost: docs/tls.md. A handshake computes 0.5 to 1 ms with RSA keys, a fraction of that with ECDSA
// keys or when it resumes a session; preemption bounds how long others wait for it.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <weft/detail/readiness_case.h>
#include <weft/error.h>
#include <weft/socket.h>
#include <weft/task.h>
#include <weft/time.h>

namespace weft {

namespace tls {
class context;
class engine;
class readable_case;
struct call;
}  // namespace tls

/// What is wrong with a certificate, a peer or a file.
enum class tls_errc {
    /// None of the trusted authorities has signed the peer's certificate.
    unknown_authority = 1,
    /// The peer's certificate is signed by itself.
    self_signed,
    /// The peer's certificate, or that of an authority above it, is over.
    expired,
    /// As above, but it has not begun.
    not_yet_valid,
    /// The server's certificate is for other names.
    wrong_name,
    /// The certificate may not be used for this: a server's by a client, or the reverse.
    wrong_purpose,
    /// Its authority has taken it back.
    revoked,
    /// The peer's certificate is broken, or too weak, in another way.
    invalid_certificate,
    /// The client sent no certificate, and the server requires one.
    no_client_certificate,
    /// The peer does not accept our certificate, or wants one and got none.
    certificate_refused,
    /// The peer does not accept what we offer, and did not say what.
    handshake_refused,
    /// The server has nothing for the name that was asked for.
    name_refused,
    /// Both sides speak application protocols (ALPN), but none that the other one does.
    no_common_application,
    /// The ranges of TLS versions do not meet.
    no_common_version,
    /// There is no cipher that both sides accept.
    no_common_cipher,
    /// What the peer sends is no TLS.
    not_tls,
    /// What the peer sends is forged, damaged or against the rules.
    bad_data,
    /// The peer gave up, for another reason.
    peer_alert,
    /// The connection ended, but the stream did not: the peer has not said that this is all.
    truncated,
    /// A certificate cannot be read: no PEM, none in it, or damaged.
    bad_certificate_file,
    /// A private key cannot be read: no PEM, none in it, damaged, or the passphrase is wrong.
    bad_key_file,
    /// A private key belongs to another certificate.
    key_mismatch,
    /// The certificates of authorities cannot be read.
    bad_authority_file,
    /// The system has no file of authorities where others have it.
    no_system_authorities,
    /// OpenSSL failed in a way that has no name here.
    internal,
};

/// The category of tls_errc, "weft.tls". Its messages say what to do. Thread-safe.
const std::error_category& tls_error_category() noexcept;

/// The code in tls_error_category(). Thread-safe.
std::error_code make_error_code(tls_errc code) noexcept;

/// Of the protocol. Older ones are not spoken.
enum class tls_version : std::uint8_t { v1_2, v1_3 };

/// A certificate, those that link it to an authority, and its private key, all in PEM, each in a
/// file or in memory (which goes first).
struct tls_certificate {
    std::string chain_file = {};  ///< the certificate itself comes first
    std::string key_file = {};    ///< neither this nor key_pem: the key is beside the chain
    std::string chain_pem = {};
    std::string key_pem = {};
    std::string passphrase = {};  ///< of a key that is encrypted
};

/// What a client checks of a server's certificate.
enum class tls_check : std::uint8_t {
    full,       ///< an authority has signed it, for this time, purpose and name
    authority,  ///< the same, but for any name
    none,       ///< nothing: whoever is between the two can read and change all. For tests.
};

/// Whether clients show certificates.
enum class tls_client_certificate : std::uint8_t {
    none,      ///< they are not asked for one
    optional,  ///< they may; one that is shown must be good
    required,
};

/// Of tls_context::client(). Copied.
struct tls_client_options {
    /// Whom to trust, PEM; both may be given. Neither: the system's authorities, from the file that
    /// SSL_CERT_FILE names or where Linux distributions have it.
    std::string ca_file = {};
    std::string ca_pem = {};
    tls_check check = tls_check::full;
    /// Shown to servers that ask.
    std::optional<tls_certificate> certificate = {};
    /// Application protocols (ALPN), e.g. {"h2", "http/1.1"}; the best first.
    std::vector<std::string> alpn = {};
    tls_version minimum = tls_version::v1_2;
    tls_version maximum = tls_version::v1_3;
    /// Sessions that are kept, to resume them with less work, by the name of the server; 0: none.
    /// Rounded up to a multiple of 8. A session takes about 2 KiB, and more for long chains.
    std::size_t session_cache = 256;
};

/// Of tls_context::server(). Copied.
struct tls_server_options {
    /// At least one. A client gets those that are for the name it asks for, or else the first; of
    /// several for one name, with keys of different kinds, the one that it can verify.
    std::vector<tls_certificate> certificates = {};
    /// Application protocols (ALPN); the best first. A client that offers some, but none of these,
    /// is refused; one that offers none is served.
    std::vector<std::string> alpn = {};
    tls_client_certificate client_certificate = tls_client_certificate::none;
    /// The authorities of the clients' certificates, PEM; at least one of the two if they are asked
    /// for.
    std::string ca_file = {};
    std::string ca_pem = {};
    tls_version minimum = tls_version::v1_2;
    tls_version maximum = tls_version::v1_3;
    /// Whether clients may resume sessions. The server keeps nothing for that: it hands out
    /// tickets, encrypted by keys of its own that change each 12 hours.
    bool session_tickets = true;
};

/// Who one is and whom one trusts. A reference: copies are the same context.
class tls_context {
public:
    /// Reads all files now; `why`, if given, gets the reason of a failure in words.
    static result<tls_context> client(const tls_client_options& options = {},
                                      std::string* why = nullptr);
    /// The same for servers. std::errc::invalid_argument without a certificate;
    /// tls_errc::bad_certificate_file, tls_errc::bad_key_file, tls_errc::key_mismatch,
    /// tls_errc::bad_authority_file, or what the system says of a file.
    static result<tls_context> server(const tls_server_options& options,
                                      std::string* why = nullptr);

    /// From now on handshakes use these options; connections that are there go on as they are. On
    /// failure nothing changes. std::errc::invalid_argument for the other kind of context. A server
    /// that asks for no client certificates goes on to resume sessions that it began before; any
    /// other context begins anew.
    result<void> reload(const tls_client_options& options, std::string* why = nullptr);
    /// The same for a server: for new certificates, without a restart.
    result<void> reload(const tls_server_options& options, std::string* why = nullptr);

private:
    friend class tls_socket;
    explicit tls_context(std::shared_ptr<tls::context> of) noexcept : context_(std::move(of)) {}

    std::shared_ptr<tls::context> context_;
};

/// A connection. See the head of the file.
class tls_socket {
public:
    /// Closed.
    tls_socket() noexcept;

    /// Takes the connected socket over. `server_name`: for a client, the name (or address, as text)
    /// that the server's certificate must be for and that the server is asked for.
    tls_socket(socket connected, const tls_context& with, std::string server_name = {});

    /// Borrows it, as from weft::serve; it must live longer, and nobody else may read or write.
    /// Destroying the tls_socket leaves it open; close() does not.
    tls_socket(socket* connected, const tls_context& with, std::string server_name = {});

    tls_socket(tls_socket&& other) noexcept;
    tls_socket& operator=(tls_socket&& other) noexcept;
    /// Closes the connection without a word: say shutdown() first.
    ~tls_socket();

    /// Agrees upon keys and checks the peer. Once, before all reads and writes, by both sides. With
    /// TLS 1.3 a client may learn only by its first read that the server refuses its certificate.
    result<void> handshake(deadline until = {});

    /// Reads what has come, at least one byte; waits if there is none. 0: the peer has ended the
    /// stream (or `bytes` is empty).
    result<std::size_t> read(std::span<std::byte> bytes, deadline until = {});

    /// Writes all of `bytes`. After a failure it is unknown how much of them the peer got.
    result<void> write(std::span<const std::byte> bytes, deadline until = {});

    /// Tells the peer that nothing more will come (close_notify); reading goes on. Does not wait
    /// for the peer to do the same. Idempotent; a write() after it reports std::errc::broken_pipe.
    result<void> shutdown(deadline until = {});

    /// Ends the connection and whoever waits for it, without a word to the peer. Idempotent.
    void close() noexcept;

    /// Whether it was given a socket and not closed or moved away since. The connection may have
    /// failed all the same.
    [[nodiscard]] bool is_open() const noexcept;

    /// Why the connection is over, in words: "the server's certificate is for example.org, not for
    /// localhost". Empty if it is not (a deadline or a stop ends a call, not the connection). Names
    /// in it are the peer's choice, but no control characters. After a call has reported it.
    [[nodiscard]] std::string explain() const;

    // What was agreed; after the handshake, empty before it. Views are valid while the object is.

    /// The application protocol (ALPN); empty if there is none.
    [[nodiscard]] std::string_view alpn() const noexcept;
    /// "TLSv1.3" or "TLSv1.2".
    [[nodiscard]] std::string_view version() const noexcept;
    /// "TLS_AES_256_GCM_SHA384" and the like.
    [[nodiscard]] std::string_view cipher() const noexcept;
    /// For a server the name that the client has asked for, for a client the one it asks for.
    [[nodiscard]] std::string_view server_name() const noexcept;
    /// Whether it went on with the keys of an earlier session.
    [[nodiscard]] bool resumed() const noexcept;
    /// Whether the peer has shown a certificate.
    [[nodiscard]] bool has_peer_certificate() const noexcept;
    /// Whom the peer's certificate is for: host names, IP addresses, URIs and mail addresses of its
    /// subjectAltName.
    [[nodiscard]] std::vector<std::string> peer_names() const;
    /// The subject of the peer's certificate, as "CN=alice,O=Example" (RFC 2253).
    [[nodiscard]] std::string peer_subject() const;
    /// The peer's certificate, as DER; empty if it has shown none. With the one below it is what
    /// binds a login inside of TLS to the connection (RFC 5929, tls-server-end-point).
    [[nodiscard]] std::vector<std::byte> peer_certificate() const;
    /// One's own, as DER: what a server has shown (after resumed(): would show), what a client
    /// shows to a server that asks; empty if there is none.
    [[nodiscard]] std::vector<std::byte> local_certificate() const;

    /// For endpoints and options. Neither read nor write on it.
    [[nodiscard]] const socket& transport() const noexcept;

private:
    friend struct tls_access;
    friend class tls::readable_case;

    std::unique_ptr<tls::engine> engine_;
};

namespace tls {

class readable_case : public io::event_case {
protected:
    explicit readable_case(const tls_socket& of) noexcept;

private:
    void begin() noexcept override;
    void end(bool taken) noexcept override;
    bool is_ready(bool adds) noexcept override;
    bool add(sched::waiter& who) noexcept override;
    void remove() noexcept override;

    engine* engine_;
    bool watches_ = false;              // from begin() to end(), unless it is closed
    bool may_wait_for_socket_ = false;  // else for the bell only
};

}  // namespace tls

/// A case of weft::select(): read() would not wait, for bytes that have been decrypted already or
/// can be now. It counts as a reader: nobody else may read until its handler runs. After the
/// handshake; before it is always ready, since read() fails.
template <std::invocable Handler = sync::no_handler>
[[nodiscard]] auto on_readable(const tls_socket& from, Handler act = {}) {
    return sync::handled<tls::readable_case, Handler>(std::move(act), from);
}

/// The socket takes more; write() may have to wait for the rest of what it is given.
template <std::invocable Handler = sync::no_handler>
[[nodiscard]] auto on_writable(const tls_socket& to, Handler act = {}) {
    return sync::handled<io::readiness_case, Handler>(std::move(act), to.transport(), true);
}

namespace co {

/// As tls_socket::handshake.
task<result<void>> handshake(tls_socket& peer, deadline until = {});

/// As tls_socket::read.
task<result<std::size_t>> read(tls_socket& from, std::span<std::byte> bytes, deadline until = {});

/// As tls_socket::write: all of `bytes`.
task<result<void>> write(tls_socket& to, std::span<const std::byte> bytes, deadline until = {});

/// As tls_socket::shutdown.
task<result<void>> shutdown(tls_socket& peer, deadline until = {});

}  // namespace co

// For buffered_reader and buffered_writer.
inline auto async_read(tls_socket& from, std::span<std::byte> bytes, deadline until) {
    return co::read(from, bytes, until);
}
inline auto async_write(tls_socket& to, std::span<const std::byte> bytes, deadline until) {
    return co::write(to, bytes, until);
}

}  // namespace weft

template <>
struct std::is_error_code_enum<weft::tls_errc> : std::true_type {};
