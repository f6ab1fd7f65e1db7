// SPDX-License-Identifier: Apache-2.0
#include "load_connections.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

namespace weft::lab {

namespace {

constexpr std::uint32_t control_index = 0xffff'ffff;
constexpr std::size_t receive_size = 64 * 1024;
constexpr std::size_t most_events = 512;
constexpr std::int64_t longest_wait_ns = 100'000'000;
constexpr std::int64_t progress_interval_ns = 100'000'000;

load_error error_of(int code) noexcept {
    switch (code) {
        case ECONNREFUSED:
        case EAGAIN:  // a Unix socket whose listener's queue is full
            return load_error::refused;
        case ECONNRESET:
        case EPIPE:
            return load_error::reset;
        case ETIMEDOUT:
            return load_error::timed_out;
        case EADDRNOTAVAIL:
        case EADDRINUSE:
            return load_error::no_address;
        case EMFILE:
        case ENFILE:
        case ENOBUFS:
        case ENOMEM:
            return load_error::no_descriptor;
        default:
            return load_error::other;
    }
}

bool is_loopback(const load_target& target) noexcept {
    if (target.address.ss_family != AF_INET) {
        return false;
    }
    sockaddr_in address{};
    std::memcpy(&address, &target.address, sizeof address);
    return (ntohl(address.sin_addr.s_addr) >> 24) == 127;
}

/// Spreads the clients of one loopback target over source addresses. The port is left to
/// connect(), which may give one port to several destinations.
bool bind_source(int fd, const load_target& target, std::uint64_t number) noexcept {
    const std::uint64_t source = (target.first + number) / clients_per_source_address;
    if (source == 0 || !is_loopback(target)) {
        return true;
    }
    const int on = 1;
    if (::setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on) != 0) {
        return false;
    }
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK + static_cast<std::uint32_t>(source));
    return ::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

}  // namespace

std::int64_t now_ns() noexcept {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(
               std::chrono::steady_clock::now().time_since_epoch())
        .count();
}

void generator_phase::connected(std::uint32_t, std::int64_t) {}

load_connections::load_connections(load_options options)
    : options_(std::move(options)),
      format_(options_.message_size),
      buffer_(receive_size),
      events_(most_events),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
    if (epoll_ >= 0 && options_.control_fd >= 0) {
        epoll_event event{};
        event.events = EPOLLIN;
        event.data.u32 = control_index;
        ::epoll_ctl(epoll_, EPOLL_CTL_ADD, options_.control_fd, &event);
    }
}

load_connections::~load_connections() {
    drop_all();
    if (epoll_ >= 0) {
        ::close(epoll_);
    }
}

void load_connections::reset(std::uint64_t clients) {
    drop_all();
    clients_.assign(clients, slot{});
}

message_header load_connections::header_of(std::uint32_t index) const noexcept {
    message_header header;
    header.client = index;
    header.sequence = clients_[index].sequence;
    header.poison = static_cast<std::uint8_t>(clients_[index].poison);
    return header;
}

void load_connections::connect(std::uint32_t index, const load_target& target,
                               std::uint64_t number) {
    slot& c = clients_[index];
    c.state = client_state::connecting;
    const int family = target.address.ss_family;
    c.fd = ::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c.fd < 0) {
        fail(index, error_of(errno));
        return;
    }
    const int on = 1;
    if (family != AF_UNIX) {
        ::setsockopt(c.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    }
    const auto* address = reinterpret_cast<const sockaddr*>(&target.address);
    if (!bind_source(c.fd, target, number) ||
        (::connect(c.fd, address, target.address_size) != 0 && errno != EINPROGRESS)) {
        fail(index, error_of(errno));
        return;
    }
    // The completed connection is the first edge, also when connect() completed at once.
    epoll_event event{};
    event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
    event.data.u32 = index;
    if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, c.fd, &event) != 0) {
        fail(index, load_error::no_descriptor);
    }
}

void load_connections::finish_connect(std::uint32_t index) {
    int error = 0;
    socklen_t size = sizeof error;
    if (::getsockopt(clients_[index].fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) {
        error = errno;
    }
    if (error != 0) {
        fail(index, error_of(error));
        return;
    }
    clients_[index].state = client_state::open;
    ++open_;
    phase_->connected(index, now_ns());
}

void load_connections::send(std::uint32_t index, std::int64_t started, poison_kind poison) {
    slot& c = clients_[index];
    ++c.sequence;
    c.sent = 0;
    c.received = 0;
    c.started = started;
    c.poison = poison;
    c.busy = true;
    continue_send(index);
}

void load_connections::continue_send(std::uint32_t index) {
    slot& c = clients_[index];
    const auto message = format_.build(header_of(index));
    while (c.sent < message.size()) {
        const auto rest = message.subspan(c.sent);
        const ssize_t n = ::send(c.fd, rest.data(), rest.size(), MSG_NOSIGNAL);
        if (n >= 0) {
            c.sent += static_cast<std::uint32_t>(n);
        } else if (errno == EAGAIN) {
            return;
        } else if (errno != EINTR) {
            fail(index, error_of(errno));
            return;
        }
    }
}

bool load_connections::take_bytes(std::uint32_t index, std::size_t count) {
    slot& c = clients_[index];
    const auto bytes = std::span(buffer_).first(count);
    if (!c.busy || !format_.matches(header_of(index), c.received, bytes)) {
        fail(index, load_error::corrupt);
        return false;
    }
    c.received += static_cast<std::uint32_t>(count);
    if (c.received == format_.size()) {
        c.busy = false;
        phase_->answered(index, now_ns());
    }
    return clients_[index].state == client_state::open;
}

void load_connections::receive(std::uint32_t index, bool hang_up) {
    for (;;) {
        const ssize_t n = ::recv(clients_[index].fd, buffer_.data(), buffer_.size(), 0);
        if (n > 0) {
            const auto count = static_cast<std::size_t>(n);
            // A short read emptied the socket: what comes later is a new edge.
            if (!take_bytes(index, count) || (count < buffer_.size() && !hang_up)) {
                return;
            }
        } else if (n == 0) {
            fail(index, load_error::closed);
            return;
        } else if (errno == EAGAIN) {
            return;
        } else if (errno != EINTR) {
            fail(index, error_of(errno));
            return;
        }
    }
}

void load_connections::handle(std::uint32_t index, std::uint32_t events) {
    if (clients_[index].state == client_state::connecting) {
        finish_connect(index);
    }
    if (clients_[index].state != client_state::open) {
        return;  // closed by an earlier event of this batch, or the connect failed
    }
    slot& c = clients_[index];
    if ((events & EPOLLOUT) != 0 && c.busy && c.sent < format_.size()) {
        continue_send(index);
    }
    constexpr std::uint32_t ends = EPOLLRDHUP | EPOLLHUP | EPOLLERR;
    if (clients_[index].state == client_state::open && (events & (EPOLLIN | ends)) != 0) {
        receive(index, (events & ends) != 0);
    }
}

void load_connections::fail(std::uint32_t index, load_error error) {
    const bool waited = clients_[index].busy;
    drop(index);
    phase_->lost(index, error, waited);
}

void load_connections::drop(std::uint32_t index) noexcept {
    slot& c = clients_[index];
    if (c.fd >= 0) {
        const linger reset{.l_onoff = 1, .l_linger = 0};
        ::setsockopt(c.fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
        ::close(c.fd);
    }
    if (c.state == client_state::open) {
        --open_;
    }
    c = slot{};
}

void load_connections::drop_all() noexcept {
    for (std::uint32_t i = 0; i < size(); ++i) {
        drop(i);
    }
}

bool load_connections::run(generator_phase& phase, int batch) {
    phase_ = &phase;
    const int most = std::clamp(batch, 1, static_cast<int>(most_events));
    std::int64_t next_progress = 0;
    for (;;) {
        const std::int64_t now = now_ns();
        const std::int64_t next = phase.tick(now);
        if (phase.finished()) {
            return true;
        }
        if (options_.progress && now >= next_progress) {
            const auto [done, total] = phase.progress();
            options_.progress(done, total);
            next_progress = now + progress_interval_ns;
        }
        const timespec wait{
            .tv_sec = 0,
            .tv_nsec = static_cast<long>(std::clamp<std::int64_t>(next - now, 0, longest_wait_ns))};
        const int ready = ::epoll_pwait2(epoll_, events_.data(), most, &wait, nullptr);
        for (int i = 0; i < ready; ++i) {
            const auto index = events_[static_cast<std::size_t>(i)].data.u32;
            if (index == control_index) {
                return false;
            }
            handle(index, events_[static_cast<std::size_t>(i)].events);
        }
    }
}

}  // namespace weft::lab
