// SPDX-License-Identifier: Apache-2.0
#include "dns/lookup.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <new>

#include "base/clock.h"
#include "base/error.h"
#include "base/rng.h"

namespace weft::dns {

namespace {

/// Whether it can be asked for. A last label of digits only would be an address that is written in
/// a way that nobody expects ("127.1").
bool is_name(std::string_view name) {
    if (name.ends_with('.')) {
        name.remove_suffix(1);
    }
    if (name.empty() || name.size() > 253) {
        return false;
    }
    std::size_t length = 0;
    bool digits = true;
    for (const char c : name) {
        if (c == '.') {
            if (length == 0) {
                return false;
            }
            length = 0;
            digits = true;
            continue;
        }
        const bool digit = c >= '0' && c <= '9';
        const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!(digit || letter || c == '-' || c == '_') || ++length > 63) {
            return false;
        }
        digits = digits && digit;
    }
    return length != 0 && !digits;
}

bool is_localhost(std::string_view name) {
    return name == "localhost" || name.ends_with(".localhost");
}

/// Each family stays in its order. (clang takes std::stable_partition of g++ 12 for deprecated.)
void put_ipv6_first(std::vector<endpoint>& addresses) {
    std::vector<endpoint> ordered;
    ordered.reserve(addresses.size());
    for (const int family : {AF_INET6, AF_INET}) {
        std::copy_if(addresses.begin(), addresses.end(), std::back_inserter(ordered),
                     [family](const endpoint& e) { return e.family() == family; });
    }
    addresses = std::move(ordered);
}

/// What to ask for to get the names of an address.
std::string reverse_name(const endpoint& address) {
    if (address.family() == AF_INET) {
        sockaddr_in ipv4{};
        std::memcpy(&ipv4, address.data(), sizeof ipv4);
        const std::uint32_t bits = ntohl(ipv4.sin_addr.s_addr);
        std::string out;
        for (unsigned shift = 0; shift < 32; shift += 8) {
            out += std::to_string(bits >> shift & 0xff) + ".";
        }
        return out + "in-addr.arpa";
    }
    sockaddr_in6 ipv6{};
    std::memcpy(&ipv6, address.data(), sizeof ipv6);
    constexpr std::string_view digits = "0123456789abcdef";
    std::string out;
    for (int i = 15; i >= 0; --i) {
        const unsigned byte = ipv6.sin6_addr.s6_addr[i];
        out += {digits[byte & 0xf], '.', digits[byte >> 4], '.'};
    }
    return out + "ip6.arpa";
}

/// RFC 2782: by priority; among equals each next one is drawn by weight.
void order(std::vector<service>& services, base::rng& random) {
    std::sort(services.begin(), services.end(), [](const service& a, const service& b) {
        return a.priority != b.priority ? a.priority < b.priority : a.weight < b.weight;
    });
    for (auto from = services.begin(); from != services.end(); ++from) {
        const auto to = std::find_if(from, services.end(), [from](const service& s) {
            return s.priority != from->priority;
        });
        std::uint32_t sum = 0;
        std::for_each(from, to, [&sum](const service& s) { sum += s.weight; });
        std::uint32_t drawn = random.below(sum + 1);
        auto chosen = from;
        while (chosen->weight < drawn) {
            drawn -= chosen->weight;
            ++chosen;
        }
        std::rotate(from, chosen, chosen + 1);
    }
}

}  // namespace

std::error_code more_telling(std::error_code a, std::error_code b) noexcept {
    const auto is_no = [](std::error_code e) {
        return e == errc::no_such_record || e == errc::no_such_name;
    };
    return is_no(a) && !is_no(b) ? b : a;
}

lookup::lookup(core& of, caller& by, std::string_view host, std::uint16_t port, family wanted)
    : core_(of), by_(by), kind_(kind::host), name_(lower(host)), port_(port), family_(wanted) {}

lookup::lookup(core& of, caller& by, std::string_view service)
    : core_(of), by_(by), kind_(kind::service), name_(lower(service)) {}

lookup::lookup(core& of, caller& by, const endpoint& address)
    : core_(of), by_(by), kind_(kind::address), address_(address) {}

bool lookup::wants(const endpoint& address) const noexcept {
    return family_ == family::any ||
           address.family() == (family_ == family::ipv4 ? AF_INET : AF_INET6);
}

void lookup::finish(answer out) noexcept {
    for (const auto& q : asked_) {
        if (q != nullptr) {
            core_.leave(*q, by_);
        }
    }
    asked_ = {};
    out_ = std::move(out);
    over_ = true;
}

void lookup::give_up(std::error_code error) noexcept {
    if (!over_) {
        finish({.error = error});
    }
}

bool lookup::advance() {
    if (!begun_) {
        begun_ = true;
        begin();
    }
    while (!over_) {
        if (asked_[0] == nullptr) {
            ask();
        }
        if (!evaluate()) {
            return false;
        }
    }
    return true;
}

void lookup::begin() {
    if (const auto entered = core_.enter(); !entered) {
        return finish({.error = entered.error()});
    }
    if (begin_local()) {
        return;
    }
    if (kind_ == kind::address) {
        candidates_ = {reverse_name(address_)};
    } else if (!is_name(name_)) {
        finish({.error = errc::bad_name});
    } else {
        candidates_ =
            core_.candidates(kind_ == kind::service && !name_.ends_with('.') ? name_ + "." : name_);
        std::erase_if(candidates_, [](const std::string& name) { return !is_name(name); });
    }
}

/// Whether it is over by now.
bool lookup::begin_local() {
    answer out;
    if (kind_ == kind::address) {
        if (address_.family() != AF_INET && address_.family() != AF_INET6) {
            finish({.error = std::make_error_code(std::errc::address_family_not_supported)});
        } else if (const auto* const names = core_.local_names().names(address_)) {
            out.names = *names;
            finish(std::move(out));
        }
        return over_;
    }
    if (kind_ != kind::host) {
        return false;
    }
    if (const auto numeric = parse_address(name_, port_)) {
        out.addresses = {*numeric};
    } else if (const auto* const known = core_.local_names().addresses(name_)) {
        out.addresses = *known;
    } else if (is_localhost(name_)) {
        out.addresses = {*parse_address("::1", 0), *parse_address("127.0.0.1", 0)};
    } else {
        return false;
    }
    std::erase_if(out.addresses, [this](const endpoint& e) { return !wants(e); });
    put_ipv6_first(out.addresses);
    if (out.addresses.empty()) {
        out.error = errc::no_such_record;
    }
    finish(std::move(out));
    return true;
}

void lookup::ask() {
    const std::string& name = candidates_[next_++];
    if (kind_ != kind::host) {
        asked_[0] =
            core_.ask(name, kind_ == kind::service ? record_type::srv : record_type::ptr, by_);
        return;
    }
    std::size_t n = 0;
    if (family_ != family::ipv4) {
        asked_[n++] = core_.ask(name, record_type::aaaa, by_);
    }
    if (family_ != family::ipv6) {
        asked_[n] = core_.ask(name, record_type::a, by_);
    }
}

/// Whether all questions are over; then it is over itself, or there is something to ask next.
bool lookup::evaluate() {
    answer out;
    bool first = true;
    for (const auto& q : asked_) {
        if (q == nullptr) {
            continue;
        }
        if (!q->over) {
            return false;
        }
        const answer failed{.error = std::make_error_code(std::errc::not_enough_memory)};
        const answer& found = q->found != nullptr ? *q->found : failed;
        out.error = first ? found.error : more_telling(out.error, found.error);
        first = false;
        out.addresses.insert(out.addresses.end(), found.addresses.begin(), found.addresses.end());
        out.names.insert(out.names.end(), found.names.begin(), found.names.end());
        out.services.insert(out.services.end(), found.services.begin(), found.services.end());
    }
    if (!out.addresses.empty() || !out.names.empty() || !out.services.empty()) {
        out.error = {};
    }
    const bool no = out.error == errc::no_such_record || out.error == errc::no_such_name;
    if (!no || next_ == candidates_.size()) {
        // Of several names that do not have it, one that exists says more.
        if (no && out_.error == errc::no_such_record) {
            out.error = errc::no_such_record;
        }
        finish(std::move(out));
        return true;
    }
    if (out.error == errc::no_such_record) {
        out_.error = out.error;
    }
    asked_ = {};
    return true;
}

std::unexpected<weft::error> lookup::failure() const {
    if (kind_ == kind::address) {
        return base::fail(out_.error, "look up", address_.to_string());
    }
    return base::fail(out_.error, "look up", name_);
}

result<std::vector<endpoint>> lookup::take_addresses() {
    if (out_.error) {
        return failure();
    }
    for (endpoint& e : out_.addresses) {
        e = with_port(e, port_);
    }
    return std::move(out_.addresses);
}

result<std::vector<service>> lookup::take_services() {
    if (out_.error) {
        return failure();
    }
    base::rng random(static_cast<std::uint64_t>(base::now_ns()));
    order(out_.services, random);
    return std::move(out_.services);
}

result<std::vector<std::string>> lookup::take_names() {
    if (out_.error) {
        return failure();
    }
    return std::move(out_.names);
}

void lookup_call::advance() noexcept {
    need_ = {};
    try {
        core_.process(by_);
        if (!lookup_.advance() && !ended_) {
            need_ = core_.start_wait(by_);
            return;
        }
        lookup_.give_up(ended_);
    } catch (const std::bad_alloc&) {
        lookup_.give_up(std::make_error_code(std::errc::not_enough_memory));
    }
    core_.leave(by_);
}

void lookup_call::waited(const need& what, const result<void>& ended) noexcept {
    if (ended) {
        return;
    }
    // c-ares has timers of its own; the call's deadline is what ends the wait before them.
    if (ended.error() == std::errc::timed_out && what.until.expired()) {
        return;
    }
    ended_ = ended.error();
}

}  // namespace weft::dns
