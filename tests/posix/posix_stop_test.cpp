// SPDX-License-Identifier: Apache-2.0
//
// Calls that wait by the C library's names, each stopped at each of its waits: calls on descriptors
// fail with ECANCELED, sleeps with EINTR, and what they were made on works afterwards.
#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <weft/scope.h>

#include "one_worker.h"

namespace weft {

namespace {

using testing::descriptor_pair;
using testing::large;
using testing::ten_minutes;

/// A listener with a name of the kernel's choice.
class unix_listener {
public:
    explicit unix_listener(int backlog) : fd_(::socket(AF_UNIX, SOCK_STREAM, 0)) {
        address_.sun_family = AF_UNIX;
        EXPECT_EQ(::bind(fd_, address(), sizeof(sa_family_t)), 0);
        EXPECT_EQ(::listen(fd_, backlog), 0);
        size_ = sizeof address_;
        EXPECT_EQ(::getsockname(fd_, address(), &size_), 0);
    }
    ~unix_listener() { ::close(fd_); }
    unix_listener(const unix_listener&) = delete;
    unix_listener& operator=(const unix_listener&) = delete;

    [[nodiscard]] int get() const { return fd_; }
    /// 0, or what connect() has left in errno.
    int connect() {
        const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
        const int error = ::connect(fd, address(), size_) == 0 ? 0 : errno;
        ::close(fd);
        return error;
    }
    /// 0, or what accept() has left in errno.
    int accept() const {
        const int fd = ::accept(fd_, nullptr, nullptr);
        const int error = fd < 0 ? errno : 0;
        if (fd >= 0) {
            ::close(fd);
        }
        return error;
    }

private:
    sockaddr* address() { return reinterpret_cast<sockaddr*>(&address_); }

    int fd_;
    sockaddr_un address_{};
    socklen_t size_ = 0;
};

struct world {
    descriptor_pair pair;
    descriptor_pair pipe{descriptor_pair::kind::pipe};
    unix_listener accepting{8};
    unix_listener full{0};
    int epoll = ::epoll_create1(EPOLL_CLOEXEC);
    const std::string text = std::string(large, 'x');
    std::size_t written = 0;
    std::size_t got = 0;

    world() {
        epoll_event event{.events = EPOLLIN, .data = {.u64 = 42}};
        EXPECT_EQ(::epoll_ctl(epoll, EPOLL_CTL_ADD, pair.near(), &event), 0);
        EXPECT_EQ(full.connect(), 0);
    }
    ~world() { ::close(epoll); }
    world(const world&) = delete;
    world& operator=(const world&) = delete;
};

int error_of(ssize_t returned) {
    return returned < 0 ? errno : 0;
}

/// A stop in the midst of it: what has gone counts, and the next call tells why no more has.
int write_all(int fd, world& w) {
    while (w.written < large) {
        const ssize_t n = ::write(fd, w.text.data() + w.written, large - w.written);
        if (n < 0) {
            return errno;
        }
        w.written += static_cast<std::size_t>(n);
    }
    return 0;
}

/// All that was or is written.
void read_all(int fd, world& w) {
    std::string room(large, '\0');
    while (w.got < large) {
        pollfd wanted{.fd = fd, .events = POLLIN, .revents = 0};
        if (w.got == w.written && ::poll(&wanted, 1, 20) == 0) {
            return;
        }
        const ssize_t n = ::read(fd, room.data(), room.size());
        if (n <= 0) {
            return;
        }
        w.got += static_cast<std::size_t>(n);
    }
}

int receive_message(int fd) {
    std::array<char, 8> room{};
    iovec part{.iov_base = room.data(), .iov_len = room.size()};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    return error_of(::recvmsg(fd, &message, 0));
}

int select_one(int fd) {
    fd_set read;
    FD_ZERO(&read);
    FD_SET(fd, &read);
    return error_of(::select(fd + 1, &read, nullptr, nullptr, nullptr));
}

struct waiting_call {
    const char* name;
    /// 0 or the errno value.
    std::function<int(world&)> call;
    int expected;
    /// Makes it succeed, on a fiber beside it.
    std::function<void(world&)> complete;
};

void say_something(world& w) {
    EXPECT_EQ(::write(w.pair.far(), "x", 1), 1);
}

std::vector<waiting_call> of_descriptors() {
    return {
        {"read",
         [](world& w) {
             char byte = 0;
             return error_of(::read(w.pair.near(), &byte, 1));
         },
         ECANCELED, say_something},
        {"recvmsg", [](world& w) { return receive_message(w.pair.near()); }, ECANCELED,
         say_something},
        {"write", [](world& w) { return write_all(w.pair.near(), w); }, ECANCELED,
         [](world& w) { read_all(w.pair.far(), w); }},
        {"write to a pipe", [](world& w) { return write_all(w.pipe.far(), w); }, ECANCELED,
         [](world& w) { read_all(w.pipe.near(), w); }},
        {"accept", [](world& w) { return w.accepting.accept(); }, ECANCELED,
         [](world& w) { EXPECT_EQ(w.accepting.connect(), 0); }},
        {"connect", [](world& w) { return w.full.connect(); }, ECANCELED,
         [](world& w) { EXPECT_EQ(w.full.accept(), 0); }},
    };
}

std::vector<waiting_call> of_waits() {
    return {
        {"poll",
         [](world& w) {
             pollfd set[] = {{.fd = w.pair.near(), .events = POLLIN, .revents = 0},
                             {.fd = w.pipe.near(), .events = POLLIN, .revents = 0}};
             return error_of(::poll(set, 2, ten_minutes));
         },
         ECANCELED, say_something},
        {"select", [](world& w) { return select_one(w.pair.near()); }, ECANCELED, say_something},
        {"epoll_wait",
         [](world& w) {
             epoll_event got{};
             return error_of(::epoll_wait(w.epoll, &got, 1, ten_minutes));
         },
         ECANCELED, say_something},
        {"nanosleep",
         [](world&) {
             const timespec ten{.tv_sec = 600, .tv_nsec = 0};
             timespec left{};
             const int error = error_of(::nanosleep(&ten, &left));
             EXPECT_GT(left.tv_sec, 500);
             return error;
         },
         EINTR, nullptr},
        {"clock_nanosleep",
         [](world&) {
             const timespec ten{.tv_sec = 600, .tv_nsec = 0};
             return ::clock_nanosleep(CLOCK_MONOTONIC, 0, &ten, nullptr);
         },
         EINTR, nullptr},
        {"clock_nanosleep until a moment",
         [](world&) {
             timespec when{};
             ::clock_gettime(CLOCK_REALTIME, &when);
             when.tv_sec += 600;
             return ::clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &when, nullptr);
         },
         EINTR, nullptr},
    };
}

/// Without a stop, in a world in which it was stopped.
void expect_usable(runtime& home, const waiting_call& each, world& w) {
    if (each.complete) {
        fiber call = home.spawn([&] { EXPECT_EQ(each.call(w), 0) << each.name; });
        fiber completing = home.spawn([&] { each.complete(w); });
        call.join();
        completing.join();
    }
}

void stop_at_each_wait(runtime& home, const waiting_call& each) {
    SCOPED_TRACE(each.name);
    bool stopped = true;
    for (std::uint64_t n = 1; stopped && (n == 1 || each.complete); ++n) {
        ASSERT_LT(n, 1000u);
        world w;
        int error = 0;
        fiber call = home.spawn([&] { stopped = stop_at_wait(n, [&] { error = each.call(w); }); });
        // Runs when the first one waits.
        fiber completing = home.spawn([&] {
            if (n > 1) {
                each.complete(w);
            }
        });
        call.join();
        completing.join();
        EXPECT_TRUE(stopped || n > 1) << "it did not wait";
        // A stop in the last wait of a write comes too late if the rest then finds room at once.
        if (!stopped || w.written < large) {
            EXPECT_EQ(error, stopped ? each.expected : 0) << n;
        }
        if (stopped) {
            expect_usable(home, each, w);
        }
    }
}

TEST(PosixStop, CallsOnDescriptorsAtEachWait) {
    runtime home(testing::one_kernel_thread);
    for (const auto& each : of_descriptors()) {
        stop_at_each_wait(home, each);
    }
}

TEST(PosixStop, WaitsAndSleepsAtEachWait) {
    runtime home(testing::one_kernel_thread);
    for (const auto& each : of_waits()) {
        stop_at_each_wait(home, each);
    }
}

}  // namespace

}  // namespace weft
