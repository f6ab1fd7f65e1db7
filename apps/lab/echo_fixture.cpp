// SPDX-License-Identifier: Apache-2.0
#include "echo_fixture.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <stdexcept>
#include <string>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

namespace weft::lab {

namespace {

void watch(int epoll, int fd) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    if (::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0) {
        throw std::runtime_error("epoll_ctl: " + std::string(std::strerror(errno)));
    }
}

}  // namespace

echo_fixture::echo_fixture(echo_faults faults) : faults_(faults) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
    stop_ = ::eventfd(0, EFD_CLOEXEC);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    if (::bind(listener_, generic, size) != 0 || ::listen(listener_, 4096) != 0 ||
        ::getsockname(listener_, generic, &size) != 0) {
        throw std::runtime_error("listen: " + std::string(std::strerror(errno)));
    }
    port_ = ntohs(address.sin_port);
    watch(epoll_, listener_);
    watch(epoll_, stop_);
    thread_ = std::thread([this] { run(); });
}

echo_fixture::~echo_fixture() {
    const std::uint64_t one = 1;
    if (::write(stop_, &one, sizeof one) == sizeof one) {
        thread_.join();
    }
    ::close(listener_);
    ::close(stop_);
    ::close(epoll_);
}

load_target echo_fixture::target(std::uint64_t clients) const {
    load_target target;
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port_);
    std::memcpy(&target.address, &address, sizeof address);
    target.address_size = sizeof address;
    target.clients = clients;
    return target;
}

std::vector<std::string> echo_fixture::peers() const {
    const std::lock_guard guard(peers_mutex_);
    std::vector<std::string> sorted = peers_;
    std::ranges::sort(sorted);
    return sorted;
}

void echo_fixture::run() {
    std::array<epoll_event, 256> events{};
    for (;;) {
        const int n = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), -1);
        for (int i = 0; i < n; ++i) {
            const int fd = events[static_cast<std::size_t>(i)].data.fd;
            if (fd == stop_) {
                return;
            }
            if (fd == listener_) {
                accept_all();
            } else {
                echo(fd);
            }
        }
    }
}

void echo_fixture::accept_all() {
    for (;;) {
        sockaddr_in peer{};
        socklen_t size = sizeof peer;
        const int fd =
            ::accept4(listener_, reinterpret_cast<sockaddr*>(&peer), &size, SOCK_CLOEXEC);
        if (fd < 0) {
            return;
        }
        {
            std::array<char, INET_ADDRSTRLEN> text{};
            const std::lock_guard guard(peers_mutex_);
            peers_.emplace_back(::inet_ntop(AF_INET, &peer.sin_addr, text.data(), text.size()));
        }
        ++accepted_;
        watch(epoll_, fd);
    }
}

void echo_fixture::echo(int fd) {
    std::array<char, 64 * 1024> buffer;
    const ssize_t n = ::recv(fd, buffer.data(), buffer.size(), 0);
    if (n <= 0) {
        ::close(fd);
        return;
    }
    ++reads_;
    const auto is_nth = [this](std::uint64_t every) { return every != 0 && reads_ % every == 0; };
    if (is_nth(faults_.close_every)) {
        ::close(fd);
        return;
    }
    if (reads_ == faults_.swallow_nth) {
        return;
    }
    if (reads_ == faults_.stall_after) {
        std::this_thread::sleep_for(std::chrono::milliseconds(faults_.stall_ms));
    }
    if (is_nth(faults_.corrupt_every)) {
        buffer[static_cast<std::size_t>(n) - 1] ^= 1;
    }
    for (ssize_t done = 0; done < n;) {
        const ssize_t sent =
            ::send(fd, buffer.data() + done, static_cast<std::size_t>(n - done), MSG_NOSIGNAL);
        if (sent < 0) {
            return;
        }
        done += sent;
    }
}

}  // namespace weft::lab
