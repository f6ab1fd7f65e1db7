// SPDX-License-Identifier: Apache-2.0
#include "status/status_server.h"

#include <netinet/in.h>
#include <strings.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <chrono>
#include <exception>
#include <new>
#include <span>
#include <utility>

#include <weft/scope.h>
#include <weft/time.h>

namespace weft::pool {

namespace {

using namespace std::chrono_literals;

constexpr auto longest_answer = 10s;
/// For a client to take what was sent and to go.
constexpr auto longest_goodbye = 1s;
/// While descriptors have run out nobody is accepted.
constexpr auto accept_pause = 50ms;

bool is_loopback(const endpoint& of) {
    if (of.family() == AF_INET) {
        const auto* const address = reinterpret_cast<const sockaddr_in*>(of.data());
        return (ntohl(address->sin_addr.s_addr) >> 24) == 127;
    }
    if (of.family() == AF_INET6) {
        const auto* const address = reinterpret_cast<const sockaddr_in6*>(of.data());
        return IN6_IS_ADDR_LOOPBACK(&address->sin6_addr);
    }
    return false;
}

/// An address in numbers, or localhost.
bool is_of_this_machine(const std::string& host) {
    if (endpoint::parse(host) || endpoint::parse(host + ":80")) {
        return true;
    }
    return ::strcasecmp(host.substr(0, host.rfind(':')).c_str(), "localhost") == 0;
}

/// Reads the request. Not 0: what is wrong with it, -1 if there is nobody to be told.
int read_request(request_parser& into, socket& from, deadline until) {
    std::array<char, 2048> bytes{};
    for (;;) {
        const auto got = from.read(std::as_writable_bytes(std::span(bytes)), until);
        if (!got || *got == 0) {
            return !got && got.error() == std::errc::timed_out ? 408 : -1;
        }
        switch (into.take({bytes.data(), *got})) {
            case request_parser::state::complete:
                return 0;
            case request_parser::state::refused:
                return into.status();
            case request_parser::state::more:
                break;
        }
    }
}

/// Until the client has gone. To close while something of it is unread could take back the answer.
void wait_for_goodbye(socket& of) {
    const deadline until = longest_goodbye;
    std::array<std::byte, 2048> bytes{};
    std::size_t left = 4 * request_parser::longest;
    while (left > 0) {
        const auto got = of.read(bytes, until);
        if (!got || *got == 0) {
            return;
        }
        left -= std::min(left, *got);
    }
}

http_response answer_to(const status_server::page_source& pages, const http_request& to,
                        bool loopback) {
    // Else a page of somebody else's whose name is made to mean this machine could be read by its
    // owner, in the browser of who looks at that page (DNS rebinding).
    if (loopback && !to.host.empty() && !is_of_this_machine(to.host)) {
        return plain_answer(421);
    }
    try {
        return pages(to.path).value_or(plain_answer(404));
    } catch (const std::exception&) {
        return plain_answer(500);
    }
}

}  // namespace

std::expected<endpoint, std::string> parse_status_address(std::string_view text) {
    const bool only_port =
        !text.empty() && std::ranges::all_of(text, [](unsigned char c) { return std::isdigit(c); });
    const auto found = endpoint::parse(only_port ? "127.0.0.1:" + std::string(text) : text);
    if (!found) {
        return std::unexpected("\"" + std::string(text) +
                               "\" is neither a port nor an address with one, as 127.0.0.1:9127");
    }
    return *found;
}

std::expected<endpoint, std::string> status_server::listen(const endpoint& at, bool reuse_port,
                                                           page_source pages) {
    auto made = listener::bind(at, {.backlog = most_connections, .reuse_port = reuse_port});
    if (!made) {
        return std::unexpected("cannot listen on " + at.to_string() + ": " +
                               made.error().message());
    }
    const endpoint got = made->local_endpoint().value_or(at);
    places_.push_back({std::move(*made), is_loopback(got), std::move(pages)});
    acceptors_.emplace_back(
        [this, &from = places_.back()](const std::stop_token&) { accept_from(from); });
    return got;
}

/// False: there is no memory.
bool status_server::start(scope& in, place& from, socket connected) {
    try {
        in.spawn([this, &from, client = std::move(connected)]() mutable {
            try {
                serve(from, client);
            } catch (const std::bad_alloc&) {
                // It gets no answer.
            }
            client.close();
            room_.release();
        });
        return true;
    } catch (const std::bad_alloc&) {
        return false;
    }
}

void status_server::accept_from(place& from) {
    with_scope([&](scope& connections) {
        while (room_.acquire(deadline::never())) {
            auto connected = from.at.accept();
            if (connected && start(connections, from, std::move(*connected))) {
                continue;
            }
            room_.release();
            if (connected) {
                continue;  // there was no memory for it
            }
            if (connected.error() == std::errc::operation_canceled ||
                !this_fiber::sleep_for(accept_pause)) {
                return;
            }
        }
    });
}

void status_server::serve(const place& from, socket& client) const {
    request_parser parser;
    const int wrong = read_request(parser, client, longest_request_);
    if (wrong < 0) {
        return;
    }
    const std::string bytes = to_bytes(
        wrong != 0 ? plain_answer(wrong) : answer_to(from.pages, parser.request(), from.loopback));
    if (client.write(std::as_bytes(std::span(bytes)), longest_answer) && client.shutdown_write()) {
        wait_for_goodbye(client);
    }
}

}  // namespace weft::pool
