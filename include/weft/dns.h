// SPDX-License-Identifier: Apache-2.0
//
// Names of hosts and services, looked up without blocking a kernel thread, by c-ares. For fibers,
// plain threads and coroutines. A component of its own: link weft::dns (weft::weft needs no
// c-ares).
//
//     auto names = weft::dns::resolver::create().value();       // servers: /etc/resolv.conf's
//     const auto found = names.lookup("example.org", 443, weft::dns::family::any, 5s);
//     if (!found) {
//         std::fputs(found.error().message().c_str(), stderr);
//     }
//
// A program has one resolver, which all share: its cache, and the queries that are on their way.
// Who asks for a name that somebody else has asked for waits for the same answer; when one of them
// is cancelled, or at its deadline, the others still get it.
//
// Where answers come from: numeric addresses are answered at once; then the hosts file, which is
// read again when it has changed; then "localhost" and what ends in it (127.0.0.1 and ::1); then
// the cache; then the servers. A name with fewer dots than `ndots` is first tried with each of the
// search domains behind it, others as they are first; a name that ends in a dot only as it is. A
// failing server ends that: the next domain is tried only if a server says that there is no such
// name.
//
// Waiting. Calls park the fiber, or block the plain thread, that makes them; coroutines use
// co::lookup() and the like (below). Each takes a deadline, and is bounded by the scope around it
// (<weft/scope.h>): std::errc::timed_out, std::errc::operation_canceled. What need not wait
// succeeds. Without a deadline a lookup takes no longer than (servers * tries) timeouts, which
// double each time around, for each domain that is tried.
//
// Errors of names and servers: dns::errc. Those of the machine, as std::errc::too_many_files_open,
// show as errc::unreachable: c-ares does not say.
//
// Thread safety: all methods may be called at the same time; moving and destroying need the object
// for themselves. After fork() the child's first lookup begins anew, with what is in the cache.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <weft/error.h>
#include <weft/socket.h>
#include <weft/task.h>
#include <weft/time.h>

namespace weft::dns {

class core;
struct access;

/// What is wrong with a name or a server.
enum class errc {
    /// No such name: the servers say that it does not exist.
    no_such_name = 1,
    /// The name exists, but has nothing of what was asked for, e.g. no IPv6 address.
    no_such_record,
    /// All servers failed to find out (SERVFAIL).
    server_failed,
    /// All servers refuse to answer (REFUSED).
    server_refused,
    /// No server has answered in time, however often it was asked.
    no_answer,
    /// No server can be reached: nothing listens there, or there is no way to it.
    unreachable,
    /// The answer makes no sense.
    bad_answer,
    /// The text cannot be a name.
    bad_name,
    /// Too many names are being looked up at this moment.
    too_many_queries,
};

/// The category of errc, "weft.dns". Its messages say what to do. Thread-safe.
const std::error_category& error_category() noexcept;

/// The code in dns::error_category(). Thread-safe.
std::error_code make_error_code(errc code) noexcept;

/// Of addresses.
enum class family : std::uint8_t { any, ipv4, ipv6 };

/// Of resolver::create().
struct resolver_options {
    /// Whom to ask, in this order; none: those of `resolv_conf`.
    std::vector<endpoint> servers = {};
    /// For the first answer of a server; doubled each time that all have been asked. At least 1 ms.
    std::chrono::milliseconds timeout{2000};
    /// How often each server is asked, at least once.
    unsigned tries = 3;
    /// Answers that are kept, those of names that do not exist included; 0: none. The one that was
    /// used least recently makes room.
    std::size_t cache_size = 4096;
    /// Answers are kept for as long as they say, but no longer than this.
    std::chrono::seconds longest_ttl{3600};
    /// The same for names that do not exist.
    std::chrono::seconds longest_negative_ttl{300};
    /// Put behind names with fewer dots than `ndots`; absent: those of `resolv_conf`.
    std::optional<std::vector<std::string>> search = {};
    std::optional<unsigned> ndots = {};
    /// Empty: none is read.
    std::string hosts_file = "/etc/hosts";
    /// Read once. If there is none, 127.0.0.1 is asked.
    std::string resolv_conf = "/etc/resolv.conf";
    /// The clock by which answers get old; null: weft::clock. For tests.
    clock::time_point (*now)() = nullptr;
};

/// Where a service is (an SRV record).
struct service {
    std::string target;  ///< a host; without a dot at its end
    std::uint16_t port = 0;
    std::uint16_t priority = 0;  ///< the lowest is to be tried first
    std::uint16_t weight = 0;    ///< share among those of the same priority

    friend bool operator==(const service&, const service&) = default;
};

/// Looks names up; see the head of the file. Move-only.
class resolver {
public:
    /// Reads the configuration now. std::errc::invalid_argument for options that make no sense, or
    /// what the system says.
    static result<resolver> create(const resolver_options& options = {});

    resolver(resolver&& other) noexcept;
    resolver& operator=(resolver&& other) noexcept;
    /// Nobody may be in a call.
    ~resolver();

    /// The addresses of `host`, with `port`: at least one and at most 256 of each family, IPv6
    /// first, each family in the server's order. For family::any both are asked for at once, and
    /// waited for; if only one can be had, that is the result.
    result<std::vector<endpoint>> lookup(std::string_view host, std::uint16_t port = 0,
                                         family wanted = family::any, deadline until = {});

    /// Where the service `name`, as "_imaps._tcp.example.org", is: in the order in which to try
    /// them, which is random, by weight, among those of the same priority. No search domains.
    /// errc::no_such_record if the domain says that it has no such service.
    result<std::vector<service>> lookup_service(std::string_view name, deadline until = {});

    /// The names of an IPv4 or IPv6 address, whose port does not matter. Who has the address chose
    /// them: they prove nothing until lookup() leads back.
    result<std::vector<std::string>> lookup_name(const endpoint& address, deadline until = {});

    /// Forgets all answers.
    void clear_cache();

private:
    friend struct access;
    explicit resolver(std::unique_ptr<core> of) noexcept;

    std::unique_ptr<core> core_;
};

/// How dns::connect() spreads its attempts.
struct connect_options {
    /// After which the next address is tried, too, if those before have not answered.
    std::chrono::milliseconds stagger{250};
    /// How long IPv4 addresses wait for IPv6 ones that have not been found yet.
    std::chrono::milliseconds resolution_delay{50};
};

/// Connects to `host`, by TCP with TCP_NODELAY: "happy eyeballs" (RFC 8305). Both families are
/// looked up at once; addresses are tried in turn, IPv6 first, each `stagger` after the one before
/// or when that has failed; the first that answers wins and the others are given up. If all fail,
/// the error is the one that says most: that a host refused counts more than that there is no way
/// to another; dns::errc only if there was no address.
result<socket> connect(resolver& names, std::string_view host, std::uint16_t port,
                       deadline until = {}, const connect_options& options = {});

}  // namespace weft::dns

namespace weft::co {

/// As resolver::lookup.
task<result<std::vector<endpoint>>> lookup(dns::resolver& names, std::string_view host,
                                           std::uint16_t port = 0,
                                           dns::family wanted = dns::family::any,
                                           deadline until = {});

/// As resolver::lookup_service.
task<result<std::vector<dns::service>>> lookup_service(dns::resolver& names, std::string_view name,
                                                       deadline until = {});

/// As resolver::lookup_name.
task<result<std::vector<std::string>>> lookup_name(dns::resolver& names, const endpoint& address,
                                                   deadline until = {});

/// As dns::connect.
task<result<socket>> connect(dns::resolver& names, std::string_view host, std::uint16_t port,
                             deadline until = {}, const dns::connect_options& options = {});

}  // namespace weft::co

template <>
struct std::is_error_code_enum<weft::dns::errc> : std::true_type {};
