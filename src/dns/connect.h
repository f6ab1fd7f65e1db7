// SPDX-License-Identifier: Apache-2.0
//
// connect_call: connecting to a host by name (RFC 8305, "happy eyeballs"): both families are looked
// up at once, and attempts begin one after the other while earlier ones go on, until one succeeds.
// In steps, for wait.h.
//
// Not a race of fibers: a plain thread has none, and a coroutine would have to wait for those that
// it stopped. The attempts are sockets in an epoll instance of the call's own; who loses is closed.
//
// While attempts are under way the call does not wait for names: an answer that comes late is
// found when the next attempt is due. That spares the resolver a waiter of another kind.
#pragma once

#include <array>
#include <chrono>
#include <deque>
#include <string_view>
#include <system_error>
#include <vector>

#include <weft/detail/unique_fd.h>
#include <weft/dns.h>

#include "dns/core.h"
#include "dns/lookup.h"

namespace weft::dns {

class connect_call {
public:
    connect_call(core& of, std::string_view host, std::uint16_t port,
                 const connect_options& options);

    // For wait.h.
    [[nodiscard]] mutex& lock() noexcept { return core_.lock(); }
    [[nodiscard]] wait_group& bell() noexcept { return by_.bell; }
    [[nodiscard]] bool wants_lock() const noexcept { return names_pending_; }
    void advance() noexcept;
    need next() noexcept;
    void waited(const need& what, const result<void>& ended) noexcept;

    /// Once it is over.
    result<socket> take();

private:
    struct attempt {
        unique_fd fd;
        endpoint to;
    };

    void look_up();
    void take_addresses(std::size_t index);
    [[nodiscard]] bool may_begin() const;
    bool step();
    void collect();
    void start_next();
    void failed(std::error_code error) noexcept;
    void finish(std::error_code error) noexcept;
    void win(unique_fd fd) noexcept;
    [[nodiscard]] bool has_addresses() const noexcept {
        return !left_[0].empty() || !left_[1].empty();
    }

    core& core_;
    const connect_options options_;
    const std::string peer_;  // as errors name it
    caller by_;
    std::array<lookup, 2> names_;               // IPv6, IPv4
    std::array<bool, 2> taken_{};               // their answers
    std::array<std::deque<endpoint>, 2> left_;  // to be tried, by family
    std::size_t next_family_ = 0;
    bool names_pending_ = true;
    need names_need_;
    deadline begin_at_;  // a single family's addresses are not held back longer
    bool begun_ = false;

    unique_fd epoll_;
    std::vector<attempt> attempts_;
    deadline next_start_;
    std::error_code worst_;  // the most telling one

    bool over_ = false;
    std::error_code error_;
    socket winner_;
};

}  // namespace weft::dns
