// SPDX-License-Identifier: Apache-2.0
//
// /etc/hosts: read when it is first needed, and again when it has changed, which is looked for
// once a second at most. Who looks reads a local file: that is not worth a kernel thread. What is
// no address with names behind it is passed over, as hosts(5) says.
//
// Not thread-safe.
#pragma once

#include <sys/stat.h>

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <weft/socket.h>
#include <weft/time.h>

namespace weft::dns {

class hosts {
public:
    hosts() = default;
    /// Whatever the text is. Throws std::bad_alloc.
    explicit hosts(std::string_view text);

    /// `name` in lower case. Null if it is not there. Ports are 0.
    [[nodiscard]] const std::vector<endpoint>* addresses(const std::string& name) const;
    /// Of an address, whose port does not matter. Null if it is not there.
    [[nodiscard]] const std::vector<std::string>* names(const endpoint& address) const;

private:
    void add_line(std::string_view line);

    std::unordered_map<std::string, std::vector<endpoint>> addresses_;
    std::unordered_map<std::string, std::vector<std::string>> names_;  // by the address as a text
};

class hosts_file {
public:
    /// Empty: there is none.
    explicit hosts_file(std::string path) : path_(std::move(path)) {}

    /// As it is now. Throws std::bad_alloc.
    const hosts& get(clock::time_point now);

private:
    std::string path_;
    hosts hosts_;
    std::optional<clock::time_point> looked_;
    struct stat seen_ = {};
};

/// An address as text, IPv4 or IPv6, without brackets; a zone may follow a %.
std::optional<endpoint> parse_address(std::string_view text, std::uint16_t port);

/// The same address with another port.
endpoint with_port(const endpoint& address, std::uint16_t port);

}  // namespace weft::dns
