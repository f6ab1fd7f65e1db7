// SPDX-License-Identifier: Apache-2.0
//
// A name server for tests, on UDP and TCP at 127.0.0.1. It answers as it is told, counts what it is
// asked, and can hold its answers back.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <weft/detail/unique_fd.h>
#include <weft/dns.h>

namespace weft::testing {

enum dns_type : std::uint16_t { A = 1, NS = 2, CNAME = 5, SOA = 6, PTR = 12, AAAA = 28, SRV = 33 };

struct dns_record {
    std::string owner;
    std::uint16_t type;
    std::uint32_t ttl;
    std::string data;  ///< as it is sent
};

std::string encoded_name(std::string_view name);
dns_record a_record(const std::string& owner, std::uint32_t ttl, const std::string& address);
dns_record aaaa_record(const std::string& owner, std::uint32_t ttl, const std::string& address);
dns_record name_record(dns_type type, const std::string& owner, std::uint32_t ttl,
                       const std::string& target);
dns_record srv_record(const std::string& owner, std::uint32_t ttl, const dns::service& service);

/// What a server says to one question.
struct dns_reply {
    int response_code = 0;
    std::vector<dns_record> answers = {};
    std::uint32_t negative_ttl = 0;  ///< a SOA record says so; 0: there is none
    bool silent = false;             ///< no answer at all
    unsigned silent_times = 0;       ///< no answer so often
    bool truncated = false;          ///< over UDP
    std::string raw = {};            ///< instead of all that, behind the number of the query
};

class dns_server {
public:
    explicit dns_server(const std::string& host = "127.0.0.1");
    ~dns_server();
    dns_server(const dns_server&) = delete;
    dns_server& operator=(const dns_server&) = delete;

    [[nodiscard]] endpoint address() const { return address_; }

    /// Of what is not known it says that there is no such name.
    void on(const std::string& name, dns_type type, dns_reply reply);
    /// The same for all that is not known.
    void on_others(dns_reply reply);

    /// From now on answers wait until release().
    void hold();
    void release();

    /// How often that was asked; over TCP, too.
    [[nodiscard]] unsigned asked(const std::string& name, dns_type type);
    [[nodiscard]] unsigned asked_over_tcp(const std::string& name, dns_type type);
    [[nodiscard]] unsigned asked_at_all();

    /// Options for a resolver that asks this server only.
    [[nodiscard]] dns::resolver_options options() const;

private:
    struct query {
        std::string message;
        sockaddr_storage from;
        socklen_t size;
    };

    void serve();
    void serve_datagram();
    void serve_stream(int connection);
    void answer(const query& q);
    std::string reply_to(const std::string& message, bool over_tcp);

    endpoint address_;
    unique_fd udp_;
    unique_fd tcp_;
    unique_fd wake_;
    std::mutex lock_;
    std::map<std::pair<std::string, int>, dns_reply> replies_;
    std::map<std::pair<std::string, int>, unsigned> asked_;
    std::map<std::pair<std::string, int>, unsigned> asked_over_tcp_;
    dns_reply others_{.response_code = 3, .negative_ttl = 60};
    bool held_ = false;
    bool stop_ = false;
    std::vector<query> waiting_;
    std::thread thread_;
};

}  // namespace weft::testing
