// SPDX-License-Identifier: Apache-2.0
#include "dns_server.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cctype>
#include <utility>

namespace weft::testing {

namespace {

std::string number(unsigned value) {
    return {static_cast<char>(value >> 8), static_cast<char>(value)};
}

std::string long_number(std::uint32_t value) {
    return number(value >> 16) + number(value & 0xffff);
}

std::string encoded(const dns_record& r) {
    return encoded_name(r.owner) + number(r.type) + number(1) + long_number(r.ttl) +
           number(static_cast<unsigned>(r.data.size())) + r.data;
}

/// Of a query: its name in lower case, its type, where its question ends.
struct question {
    std::string name;
    int type = 0;
    std::size_t end = 0;
};

question question_of(const std::string& message) {
    question out;
    std::size_t at = 12;
    while (at < message.size() && message[at] != 0) {
        const auto length = static_cast<std::size_t>(message[at]);
        out.name += (out.name.empty() ? "" : ".") + message.substr(at + 1, length);
        at += 1 + length;
    }
    for (char& c : out.name) {
        c = static_cast<char>(std::tolower(c));
    }
    out.end = at + 5;
    out.type = static_cast<unsigned char>(message.at(at + 1)) << 8 |
               static_cast<unsigned char>(message.at(at + 2));
    return out;
}

unique_fd bound_socket(int type, const endpoint& to) {
    unique_fd fd(::socket(to.family(), type | SOCK_CLOEXEC, 0));
    const int on = 1;
    ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (::bind(fd.get(), to.data(), to.size()) != 0) {
        fd.reset();
    }
    return fd;
}

endpoint local_of(int fd) {
    sockaddr_storage address{};
    socklen_t size = sizeof address;
    EXPECT_EQ(::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size), 0);
    return endpoint::from_native(reinterpret_cast<const sockaddr*>(&address), size).value();
}

dns_record address_record(int family, dns_type type, const std::string& owner, std::uint32_t ttl,
                          const std::string& address) {
    std::string bytes(family == AF_INET ? 4 : 16, '\0');
    EXPECT_EQ(::inet_pton(family, address.c_str(), bytes.data()), 1) << address;
    return {owner, type, ttl, bytes};
}

}  // namespace

std::string encoded_name(std::string_view name) {
    std::string out;
    while (!name.empty()) {
        const std::string_view label = name.substr(0, name.find('.'));
        out += static_cast<char>(label.size());
        out += label;
        name.remove_prefix(std::min(label.size() + 1, name.size()));
    }
    return out + '\0';
}

dns_record a_record(const std::string& owner, std::uint32_t ttl, const std::string& address) {
    return address_record(AF_INET, A, owner, ttl, address);
}

dns_record aaaa_record(const std::string& owner, std::uint32_t ttl, const std::string& address) {
    return address_record(AF_INET6, AAAA, owner, ttl, address);
}

dns_record name_record(dns_type type, const std::string& owner, std::uint32_t ttl,
                       const std::string& target) {
    return {owner, type, ttl, encoded_name(target)};
}

dns_record srv_record(const std::string& owner, std::uint32_t ttl, const dns::service& service) {
    return {owner, SRV, ttl,
            number(service.priority) + number(service.weight) + number(service.port) +
                encoded_name(service.target)};
}

dns_server::dns_server(const std::string& host) : wake_(::eventfd(0, EFD_CLOEXEC)) {
    // A port that is free for both.
    for (int i = 0; i < 100 && !tcp_.valid(); ++i) {
        udp_ = bound_socket(SOCK_DGRAM, endpoint::parse(host + ":0").value());
        address_ = local_of(udp_.get());
        tcp_ = bound_socket(SOCK_STREAM, address_);
    }
    EXPECT_TRUE(tcp_.valid());
    EXPECT_EQ(::listen(tcp_.get(), 16), 0);
    thread_ = std::thread([this] { serve(); });
}

dns_server::~dns_server() {
    {
        const std::lock_guard guard(lock_);
        stop_ = true;
    }
    EXPECT_EQ(::eventfd_write(wake_.get(), 1), 0);
    thread_.join();
}

void dns_server::on(const std::string& name, dns_type type, dns_reply reply) {
    const std::lock_guard guard(lock_);
    replies_[{name, type}] = std::move(reply);
}

void dns_server::on_others(dns_reply reply) {
    const std::lock_guard guard(lock_);
    others_ = std::move(reply);
}

void dns_server::hold() {
    const std::lock_guard guard(lock_);
    held_ = true;
}

void dns_server::release() {
    const std::lock_guard guard(lock_);
    held_ = false;
    for (const query& q : std::exchange(waiting_, {})) {
        answer(q);
    }
}

unsigned dns_server::asked(const std::string& name, dns_type type) {
    const std::lock_guard guard(lock_);
    return asked_[{name, type}];
}

unsigned dns_server::asked_over_tcp(const std::string& name, dns_type type) {
    const std::lock_guard guard(lock_);
    return asked_over_tcp_[{name, type}];
}

unsigned dns_server::asked_at_all() {
    const std::lock_guard guard(lock_);
    unsigned sum = 0;
    for (const auto& [what, times] : asked_) {
        sum += times;
    }
    return sum;
}

dns::resolver_options dns_server::options() const {
    return {
        .servers = {address_}, .search = std::vector<std::string>(), .ndots = 1, .hosts_file = ""};
}

void dns_server::serve() {
    for (;;) {
        std::array<pollfd, 3> all{{{.fd = udp_.get(), .events = POLLIN, .revents = 0},
                                   {.fd = tcp_.get(), .events = POLLIN, .revents = 0},
                                   {.fd = wake_.get(), .events = POLLIN, .revents = 0}}};
        ::poll(all.data(), all.size(), -1);
        if (all[2].revents != 0) {
            return;
        }
        if (all[0].revents != 0) {
            serve_datagram();
        }
        if (all[1].revents != 0) {
            const unique_fd connection(::accept4(tcp_.get(), nullptr, nullptr, SOCK_CLOEXEC));
            serve_stream(connection.get());
        }
    }
}

void dns_server::serve_datagram() {
    query q{.message = std::string(4096, '\0'), .from = {}, .size = sizeof(sockaddr_storage)};
    const ssize_t n = ::recvfrom(udp_.get(), q.message.data(), q.message.size(), 0,
                                 reinterpret_cast<sockaddr*>(&q.from), &q.size);
    if (n < 17) {
        return;
    }
    q.message.resize(static_cast<std::size_t>(n));
    const question asked = question_of(q.message);
    const std::lock_guard guard(lock_);
    ++asked_[{asked.name, asked.type}];
    if (held_) {
        waiting_.push_back(std::move(q));
    } else {
        answer(q);
    }
}

/// One query after the other, until the client has closed.
void dns_server::serve_stream(int connection) {
    std::array<char, 2> head{};
    while (::recv(connection, head.data(), head.size(), MSG_WAITALL) == 2) {
        std::string message(static_cast<std::size_t>(static_cast<unsigned char>(head[0]) << 8 |
                                                     static_cast<unsigned char>(head[1])),
                            '\0');
        if (::recv(connection, message.data(), message.size(), MSG_WAITALL) < 17) {
            return;
        }
        const question asked = question_of(message);
        std::string reply;
        {
            const std::lock_guard guard(lock_);
            ++asked_[{asked.name, asked.type}];
            ++asked_over_tcp_[{asked.name, asked.type}];
            reply = reply_to(message, true);
        }
        reply = number(static_cast<unsigned>(reply.size())) + reply;
        // In parts, so that whoever reads has to wait in between.
        const std::size_t half = reply.size() / 2;
        ::send(connection, reply.data(), half, MSG_NOSIGNAL);
        ::send(connection, reply.data() + half, reply.size() - half, MSG_NOSIGNAL);
    }
}

void dns_server::answer(const query& q) {
    const std::string reply = reply_to(q.message, false);
    if (!reply.empty()) {
        ::sendto(udp_.get(), reply.data(), reply.size(), 0,
                 reinterpret_cast<const sockaddr*>(&q.from), q.size);
    }
}

std::string dns_server::reply_to(const std::string& message, bool over_tcp) {
    const question asked = question_of(message);
    const auto known = replies_.find({asked.name, asked.type});
    dns_reply& reply = known != replies_.end() ? known->second : others_;
    if (reply.silent || (reply.silent_times != 0 && reply.silent_times-- != 0)) {
        return {};
    }
    if (!reply.raw.empty()) {
        return message.substr(0, 2) + reply.raw;
    }
    const bool cut = reply.truncated && !over_tcp;
    const unsigned flags =
        0x8180u | (cut ? 0x200u : 0u) | static_cast<unsigned>(reply.response_code);
    std::string out = message.substr(0, 2) + number(flags) + number(1) +
                      number(cut ? 0 : static_cast<unsigned>(reply.answers.size())) +
                      number(reply.negative_ttl != 0 ? 1 : 0) + number(0) +
                      message.substr(12, asked.end - 12);
    for (const dns_record& r : reply.answers) {
        out += cut ? "" : encoded(r);
    }
    if (reply.negative_ttl != 0) {
        out += encoded({"test", SOA, 3600,
                        encoded_name("ns.test") + encoded_name("root.test") + long_number(1) +
                            long_number(2) + long_number(3) + long_number(4) +
                            long_number(reply.negative_ttl)});
    }
    return out;
}

}  // namespace weft::testing
