// SPDX-License-Identifier: Apache-2.0
#include "dns/hosts_file.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>

#include "base/fd.h"
#include "dns/message.h"

namespace weft::dns {

namespace {

/// Longer files count up to here.
constexpr std::size_t longest_file = std::size_t{16} << 20;

/// Cuts off and returns what comes before the next white space.
std::string_view next_word(std::string_view& line) {
    constexpr std::string_view blank = " \t\r\v\f";
    const std::size_t from = line.find_first_not_of(blank);
    if (from == std::string_view::npos) {
        line = {};
        return {};
    }
    line.remove_prefix(from);
    const std::string_view word = line.substr(0, line.find_first_of(blank));
    line.remove_prefix(word.size());
    return word;
}

std::string read_whole(int fd) {
    std::string text;
    std::array<char, 16384> part;
    while (text.size() < longest_file) {
        const ssize_t n = ::read(fd, part.data(), part.size());
        if (n <= 0) {
            break;
        }
        text.append(part.data(), static_cast<std::size_t>(n));
    }
    return text;
}

bool same(const struct stat& a, const struct stat& b) {
    return a.st_ino == b.st_ino && a.st_dev == b.st_dev && a.st_size == b.st_size &&
           a.st_mtim.tv_sec == b.st_mtim.tv_sec && a.st_mtim.tv_nsec == b.st_mtim.tv_nsec;
}

}  // namespace

std::optional<endpoint> parse_address(std::string_view text, std::uint16_t port) {
    const std::string host(text);
    in_addr ignored{};
    const bool ipv6 = host.find(':') != std::string::npos;
    if (!ipv6 && ::inet_pton(AF_INET, host.c_str(), &ignored) != 1) {
        return {};
    }
    if (ipv6 && host.find_first_of("[]") != std::string::npos) {
        return {};
    }
    const auto parsed =
        endpoint::parse((ipv6 ? "[" + host + "]:" : host + ":") + std::to_string(port));
    if (!parsed || (parsed->family() != AF_INET && parsed->family() != AF_INET6)) {
        return {};
    }
    return *parsed;
}

endpoint with_port(const endpoint& address, std::uint16_t port) {
    if (address.family() == AF_INET6) {
        sockaddr_in6 copy{};
        std::memcpy(&copy, address.data(), sizeof copy);
        copy.sin6_port = htons(port);
        return *endpoint::from_native(reinterpret_cast<const sockaddr*>(&copy), sizeof copy);
    }
    sockaddr_in copy{};
    std::memcpy(&copy, address.data(), sizeof copy);
    copy.sin_port = htons(port);
    return *endpoint::from_native(reinterpret_cast<const sockaddr*>(&copy), sizeof copy);
}

hosts::hosts(std::string_view text) {
    while (!text.empty()) {
        const std::string_view line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(line.size() + 1, text.size()));
        add_line(line.substr(0, line.find('#')));
    }
}

void hosts::add_line(std::string_view line) {
    const std::optional<endpoint> address = parse_address(next_word(line), 0);
    if (!address) {
        return;
    }
    std::vector<std::string>& names = names_[address->to_string()];
    for (std::string_view word = next_word(line); !word.empty(); word = next_word(line)) {
        std::string name = lower(word);
        std::vector<endpoint>& all = addresses_[name];
        if (std::find(all.begin(), all.end(), *address) == all.end()) {
            all.push_back(*address);
        }
        if (std::find(names.begin(), names.end(), name) == names.end()) {
            names.push_back(std::move(name));
        }
    }
}

const std::vector<endpoint>* hosts::addresses(const std::string& name) const {
    const auto at = addresses_.find(name);
    return at != addresses_.end() ? &at->second : nullptr;
}

const std::vector<std::string>* hosts::names(const endpoint& address) const {
    const auto at = names_.find(with_port(address, 0).to_string());
    return at != names_.end() && !at->second.empty() ? &at->second : nullptr;
}

const hosts& hosts_file::get(clock::time_point now) {
    constexpr std::chrono::seconds between_looks{1};
    if (path_.empty() || (looked_ && now - *looked_ < between_looks)) {
        return hosts_;
    }
    const base::unique_fd file(::open(path_.c_str(), O_RDONLY | O_CLOEXEC));
    struct stat found = {};
    if (!file.valid() || ::fstat(file.get(), &found) != 0 || !S_ISREG(found.st_mode)) {
        hosts_ = {};
        seen_ = {};
    } else if (!same(found, seen_)) {
        hosts_ = hosts(read_whole(file.get()));
        seen_ = found;
    }
    looked_ = now;
    return hosts_;
}

}  // namespace weft::dns
