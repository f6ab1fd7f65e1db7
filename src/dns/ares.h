// SPDX-License-Identifier: Apache-2.0
//
// c-ares as the resolver uses it: questions are sent and answers come, over sockets of which one
// descriptor, an epoll instance, says when there is something to do. Nothing here waits: c-ares
// 1.18 reads its configuration in make(), and its sockets are ours, in non-blocking mode.
//
// Why own socket functions: c-ares opens a socket and makes it non-blocking and close-on-exec
// afterwards, so a fork() between the two would hand it on; ours are so from the start. And when
// all servers answer SERVFAIL or REFUSED, c-ares goes from one to the next and in the end reports
// "connection refused" whatever they said. So answers are looked at on their way in (response()).
//
// Why own query numbers: c-ares' generator is RC4 and spins when all are in use; ours come from
// the kernel, and the number of queries is bounded.
//
// Not thread-safe: all calls under the resolver's lock.
#pragma once

#include <ares.h>
#include <sys/types.h>

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <weft/detail/unique_fd.h>
#include <weft/dns.h>

#include "dns/message.h"

struct iovec;

namespace weft::dns {

/// Where answers go.
class ares_listener {
public:
    /// The query is over. `status`: ARES_SUCCESS or what c-ares says. Once for each send(), maybe
    /// from within it.
    virtual void answered(std::uint16_t id, int status,
                          std::span<const unsigned char> message) noexcept = 0;
    /// A server's response code for a query, which may go on. Not verified: anybody may have sent
    /// it.
    virtual void response(std::uint16_t id, int code) noexcept = 0;

protected:
    ~ares_listener() = default;
};

class ares {
public:
    static result<std::unique_ptr<ares>> make(const resolver_options& options,
                                              ares_listener& listener);
    ares(const ares&) = delete;
    ares& operator=(const ares&) = delete;
    /// Queries that are on their way are answered with ARES_EDESTRUCTION.
    ~ares();

    /// Readable when process() has something to do.
    [[nodiscard]] int descriptor() const noexcept { return epoll_.get(); }

    /// Sends a query. False if `name` cannot be asked for, or memory is out: then there is no
    /// answer.
    bool send(std::uint16_t id, const std::string& name, record_type type);

    /// Takes what has come and looks after the timers.
    void process();

    /// When process() has something to do although nothing comes; never if nothing is on its way.
    [[nodiscard]] deadline next_timer();

    /// In a forked child, before the end: the epoll instance is the parent's, too, and must keep
    /// its sockets.
    void forget_epoll() noexcept { epoll_.reset(); }

    /// As the configuration says.
    [[nodiscard]] const std::vector<std::string>& search() const noexcept { return search_; }
    [[nodiscard]] unsigned ndots() const noexcept { return ndots_; }

private:
    friend struct ares_calls;

    explicit ares(ares_listener& listener) noexcept : listener_(listener) {}
    int open(const resolver_options& options);
    int set_servers(const std::vector<endpoint>& servers);
    int read_search();

    ares_listener& listener_;
    unique_fd epoll_;
    ares_channel channel_ = nullptr;
    std::vector<std::string> search_;
    unsigned ndots_ = 1;
};

/// Of any process: a number that nobody can guess. Throws std::system_error if the kernel has none.
std::uint16_t random_number();

}  // namespace weft::dns
