// SPDX-License-Identifier: Apache-2.0
#include "handover/link.h"

#include <unistd.h>

#include <array>
#include <cerrno>
#include <iterator>
#include <mutex>
#include <utility>

namespace weft::pool::handover {

namespace {

/// More than a message and its successor bring before they are read.
constexpr std::size_t most_descriptors = 512;

std::unexpected<std::string> failed(const std::string& what) {
    return std::unexpected(what);
}

}  // namespace

std::string address_for(const settings& of) {
    return of.unix_socket_dir.empty()
               ? ""
               : "unix:" + of.unix_socket_dir + "/.s.weft-pool." + std::to_string(of.listen_port);
}

std::expected<std::unique_ptr<link>, std::string> link::open(const std::string& address,
                                                             deadline until) {
    const auto where = endpoint::parse(address);
    auto connected = where ? connect(*where, until) : std::unexpected(where.error());
    if (!connected) {
        return failed("no process can be reached at " + address + ": " +
                      connected.error().message());
    }
    return std::make_unique<link>(std::move(*connected));
}

std::expected<pid_t, std::string> link::check_peer() const {
    const auto who = socket_.peer_credentials();
    if (!who) {
        return failed(who.error().message());
    }
    if (who->user != ::geteuid() && who->user != 0) {
        return failed("the other process is of another user");
    }
    return who->process;
}

std::expected<void, std::string> link::send(const message& what, std::span<const int> descriptors,
                                            deadline until) {
    const std::string bytes = encode(what);
    if (bytes.size() - 4 > longest_message) {
        return failed("the message is too long");
    }
    const auto raw = std::as_bytes(std::span(bytes));
    const std::lock_guard lock(sending_);
    if (broken_) {
        return failed("an earlier message did not reach the other process");
    }
    const auto sent = descriptors.empty() ? socket_.write(raw, until)
                                          : socket_.send_descriptors(descriptors, raw, until);
    if (sent) {
        return {};
    }
    // Too many descriptors on their way: nothing of this message went, and later ones may. Else a
    // part of it may be there, and nothing can follow.
    broken_ = sent.error().value() != ETOOMANYREFS;
    return failed(sent.error().message());
}

std::expected<void, std::string> link::fill_to(std::size_t size, deadline until) {
    std::array<std::byte, 16 * 1024> part;
    while (in_.size() < size) {
        auto got = socket_.receive_descriptors(part, until);
        if (!got) {
            return failed(got.error().message());
        }
        if (got->size == 0) {
            return failed("the other process has ended");
        }
        if (got->truncated || came_along_.size() + got->descriptors.size() > most_descriptors) {
            return failed("too many descriptors have come");
        }
        in_.append(reinterpret_cast<const char*>(part.data()), got->size);
        std::ranges::move(got->descriptors, std::back_inserter(came_along_));
    }
    return {};
}

std::expected<received, std::string> link::receive(deadline until) {
    if (auto done = fill_to(4, until); !done) {
        return failed(done.error());
    }
    const auto length = length_of(in_);
    if (!length) {
        return failed(length.error());
    }
    if (auto done = fill_to(4 + std::size_t{*length}, until); !done) {
        return failed(done.error());
    }
    auto what = decode(std::string_view(in_).substr(4, *length));
    if (!what) {
        return failed(what.error());
    }
    in_.erase(0, 4 + std::size_t{*length});
    const std::size_t count = descriptors_of(*what);
    if (came_along_.size() < count) {
        return failed("descriptors are missing");
    }
    received out{.what = *std::move(what), .descriptors = {}};
    const auto end = came_along_.begin() + static_cast<std::ptrdiff_t>(count);
    std::move(came_along_.begin(), end, std::back_inserter(out.descriptors));
    came_along_.erase(came_along_.begin(), end);
    return out;
}

}  // namespace weft::pool::handover
