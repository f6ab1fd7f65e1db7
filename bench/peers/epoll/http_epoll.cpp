// SPDX-License-Identifier: Apache-2.0
//
// The floor of the HTTP workload: a plain epoll loop of one thread, edge-triggered, with the same
// parser as examples/http_server and the same answer, and nothing else: no limits, no time-outs,
// one answer for all requests. The port is the first and only line of standard output; the program
// runs until it is killed.
#include <llhttp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <ctime>
#include <memory>
#include <string>

#include "listener.h"

namespace {

using bench::accept_one;
using bench::fail;
using bench::listen_and_print_port;

constexpr int batch = 512;

struct client {
    int fd;
    llhttp_t parser;
    unsigned asked = 0;  // requests that are complete and have no answer yet
    std::string unsent = {};
};

class http_server {
public:
    http_server() {
        if (epoll_ < 0) {
            fail("epoll_create1");
        }
        llhttp_settings_init(&settings_);
        settings_.on_message_complete = [](llhttp_t* parser) {
            ++static_cast<client*>(parser->data)->asked;
            return 0;
        };
        listen_and_print_port(listener_);
        watch(listener_, EPOLLIN, nullptr);
    }

    [[noreturn]] void run() {
        std::array<epoll_event, batch> events;
        while (true) {
            const int count = epoll_wait(epoll_, events.data(), batch, -1);
            if (count < 0 && errno != EINTR) {
                fail("epoll_wait");
            }
            make_answer();
            for (int i = 0; i < count; ++i) {
                auto* const who =
                    static_cast<client*>(events[static_cast<std::size_t>(i)].data.ptr);
                if (who == nullptr) {
                    accept_all();
                } else if (!serve(*who)) {
                    close(who->fd);
                    delete who;
                }
            }
        }
    }

private:
    void watch(int fd, std::uint32_t events, client* who) {
        epoll_event event{};
        event.events = events;
        event.data.ptr = who;
        if (epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) < 0) {
            fail("epoll_ctl");
        }
    }

    void accept_all() {
        while (true) {
            const int fd = accept_one(listener_);
            if (fd < 0) {
                return;
            }
            auto who = std::make_unique<client>(fd, llhttp_t{});
            llhttp_init(&who->parser, HTTP_REQUEST, &settings_);
            who->parser.data = who.get();
            watch(fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, who.get());
            who.release();
        }
    }

    /// The answer to all requests, once a second: it tells the time.
    void make_answer() {
        const std::time_t now = std::time(nullptr);
        if (now == answer_made_) {
            return;
        }
        std::tm parts{};
        gmtime_r(&now, &parts);
        std::array<char, 32> date;
        std::strftime(date.data(), date.size(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
        answer_ = std::string("HTTP/1.1 200 OK\r\nDate: ") + date.data() +
                  "\r\nContent-Length: 14\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
                  "Hello, world!\n";
        answer_made_ = now;
    }

    /// All that is there to be read, and sent. False: the connection is over.
    bool serve(client& who) {
        while (true) {
            if (!who.unsent.empty() && !flush(who)) {
                return errno == EAGAIN;
            }
            const ssize_t got = recv(who.fd, buffer_.data(), buffer_.size(), 0);
            if (got <= 0) {
                return got < 0 && (errno == EAGAIN || errno == EINTR);
            }
            const auto size = static_cast<std::size_t>(got);
            if (llhttp_execute(&who.parser, buffer_.data(), size) != HPE_OK) {
                return false;
            }
            for (; who.asked != 0; --who.asked) {
                who.unsent += answer_;
            }
            // A buffer that was not filled was all that there is: what comes later is an event.
            if (size < buffer_.size() && !who.unsent.empty()) {
                return flush(who) || errno == EAGAIN;
            }
        }
    }

    /// Whether all was sent; errno says why not.
    static bool flush(client& who) {
        const ssize_t sent = send(who.fd, who.unsent.data(), who.unsent.size(), MSG_NOSIGNAL);
        if (sent > 0) {
            who.unsent.erase(0, static_cast<std::size_t>(sent));
            errno = EAGAIN;
        }
        return who.unsent.empty();
    }

    int epoll_ = epoll_create1(EPOLL_CLOEXEC);
    int listener_ = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    llhttp_settings_t settings_;
    std::array<char, 12288> buffer_;
    std::string answer_;
    std::time_t answer_made_ = -1;
};

}  // namespace

int main() {
    http_server().run();
}
