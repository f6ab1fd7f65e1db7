// SPDX-License-Identifier: Apache-2.0
//
// The floor of the echo workload: what the kernel charges when the program does next to nothing.
// One thread, one level-triggered epoll loop, up to 512 events a call, recv then send. A peer that
// does not read its answers is waited for (EPOLLOUT) with its bytes kept; everybody else goes on.
// The port is the first and only line of standard output; the program runs until it is killed.
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <string>
#include <unordered_map>

#include "listener.h"

namespace {

using bench::accept_one;
using bench::fail;
using bench::listen_and_print_port;

constexpr int batch = 512;

class echo_server {
public:
    echo_server() {
        if (epoll_ < 0) {
            fail("epoll_create1");
        }
        listen_and_print_port(listener_);
        watch(EPOLL_CTL_ADD, listener_, EPOLLIN);
    }

    [[noreturn]] void run() {
        std::array<epoll_event, batch> events;
        while (true) {
            const int count = epoll_wait(epoll_, events.data(), batch, -1);
            if (count < 0 && errno != EINTR) {
                fail("epoll_wait");
            }
            for (int i = 0; i < count; ++i) {
                handle(events[static_cast<std::size_t>(i)]);
            }
        }
    }

private:
    void watch(int operation, int fd, std::uint32_t events) {
        epoll_event event{};
        event.events = events;
        event.data.fd = fd;
        if (epoll_ctl(epoll_, operation, fd, &event) < 0) {
            fail("epoll_ctl");
        }
    }

    void handle(const epoll_event& event) {
        const int fd = event.data.fd;
        if (fd == listener_) {
            accept_all();
        } else if ((event.events & EPOLLOUT) != 0) {
            flush(fd);
        } else {
            echo(fd);
        }
    }

    void accept_all() {
        while (true) {
            const int fd = accept_one(listener_);
            if (fd < 0) {
                return;
            }
            watch(EPOLL_CTL_ADD, fd, EPOLLIN);
        }
    }

    void echo(int fd) {
        const ssize_t got = recv(fd, buffer_.data(), buffer_.size(), 0);
        if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
            return;
        }
        if (got <= 0) {
            drop(fd);
            return;
        }
        const auto size = static_cast<std::size_t>(got);
        ssize_t sent = send(fd, buffer_.data(), size, MSG_NOSIGNAL);
        if (sent == got) {
            return;
        }
        if (sent < 0) {
            if (errno != EAGAIN && errno != EINTR) {
                drop(fd);
                return;
            }
            sent = 0;
        }
        unsent_[fd].assign(buffer_.data() + sent, size - static_cast<std::size_t>(sent));
        watch(EPOLL_CTL_MOD, fd, EPOLLOUT);
    }

    /// Sends what echo() could not; reads no more from this peer until all of it is gone.
    void flush(int fd) {
        std::string& rest = unsent_[fd];
        const ssize_t sent = send(fd, rest.data(), rest.size(), MSG_NOSIGNAL);
        if (sent < 0) {
            if (errno != EAGAIN && errno != EINTR) {
                drop(fd);
            }
            return;
        }
        rest.erase(0, static_cast<std::size_t>(sent));
        if (rest.empty()) {
            unsent_.erase(fd);
            watch(EPOLL_CTL_MOD, fd, EPOLLIN);
        }
    }

    void drop(int fd) {
        if (!unsent_.empty()) {
            unsent_.erase(fd);
        }
        close(fd);
    }

    int epoll_ = epoll_create1(EPOLL_CLOEXEC);
    int listener_ = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    std::array<char, 1024> buffer_;
    std::unordered_map<int, std::string> unsent_;
};

}  // namespace

int main() {
    echo_server().run();
}
