// SPDX-License-Identifier: Apache-2.0
//
// lookup: what is asked for one name, and what comes of it: where the answer is local, with which
// search domains it is tried, what the answers for two families make together. It does not wait.
//
// lookup_call: one lookup and its waiting, in steps for whoever runs it (wait.h).
#pragma once

#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <weft/dns.h>

#include "dns/core.h"

namespace weft::dns {

class lookup {
public:
    /// The addresses of a host, for `by` to wait for.
    lookup(core& of, caller& by, std::string_view host, std::uint16_t port, family wanted);
    /// SRV records.
    lookup(core& of, caller& by, std::string_view service);
    /// Names of an address.
    lookup(core& of, caller& by, const endpoint& address);
    lookup(const lookup&) = delete;
    lookup& operator=(const lookup&) = delete;

    /// Goes on as far as it can without waiting: whether it is over. Under the lock. Throws
    /// std::bad_alloc.
    bool advance();

    /// Over with this error, unless it is over already. Under the lock.
    void give_up(std::error_code error) noexcept;

    [[nodiscard]] bool is_over() const noexcept { return over_; }

    // Once it is over. The values can be taken once.
    [[nodiscard]] std::error_code error() const noexcept { return out_.error; }
    result<std::vector<endpoint>> take_addresses();
    result<std::vector<service>> take_services();
    result<std::vector<std::string>> take_names();
    /// Which of the names that are tried has it.
    [[nodiscard]] std::size_t candidate() const noexcept { return next_; }

private:
    enum class kind : std::uint8_t { host, service, address };

    void begin();
    bool begin_local();
    void ask();
    bool evaluate();
    void finish(answer out) noexcept;
    [[nodiscard]] std::unexpected<weft::error> failure() const;
    [[nodiscard]] bool wants(const endpoint& address) const noexcept;

    core& core_;
    caller& by_;
    const kind kind_;
    std::string name_;
    const std::uint16_t port_ = 0;
    const family family_ = family::any;
    endpoint address_;
    bool begun_ = false;
    bool over_ = false;
    std::vector<std::string> candidates_;
    std::size_t next_ = 0;
    std::array<std::shared_ptr<question>, 2> asked_;  // the same order as in the result
    answer out_;
};

/// Which of two failures says more.
std::error_code more_telling(std::error_code a, std::error_code b) noexcept;

class lookup_call {
public:
    template <class... Args>
    explicit lookup_call(core& of, Args&&... args)
        : core_(of), lookup_(of, by_, std::forward<Args>(args)...) {}

    [[nodiscard]] mutex& lock() noexcept { return core_.lock(); }
    [[nodiscard]] wait_group& bell() noexcept { return by_.bell; }

    // For wait.h.
    [[nodiscard]] bool wants_lock() const noexcept { return !lookup_.is_over(); }
    void advance() noexcept;
    [[nodiscard]] need next() const noexcept { return need_; }

    void waited(const need& what, const result<void>& ended) noexcept;

    [[nodiscard]] lookup& get() noexcept { return lookup_; }

private:
    core& core_;
    caller by_;
    lookup lookup_;
    need need_;
    std::error_code ended_;  // the wait, by its deadline or a stop
};

}  // namespace weft::dns
