// SPDX-License-Identifier: Apache-2.0
//
// Reading, writing and connecting by the C library's names.
#include <arpa/inet.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>

#include <csignal>
#include <cstring>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <weft/scope.h>

#include "../integration/support.h"
#include "one_worker.h"

namespace weft {

namespace {

using testing::descriptor_pair;
using testing::large;
using testing::run_together;

std::string pattern(std::size_t size) {
    std::string text(size, '\0');
    for (std::size_t i = 0; i < size; ++i) {
        text[i] = static_cast<char>('a' + i % 23 + i / 997 % 3);
    }
    return text;
}

/// Until the end of the stream.
std::string read_all(int fd) {
    std::string all;
    char part[10'000];
    for (ssize_t n = 0; (n = ::read(fd, part, sizeof part)) > 0;) {
        all.append(part, static_cast<std::size_t>(n));
    }
    return all;
}

/// Listens on a port of 127.0.0.1.
class loopback_listener {
public:
    explicit loopback_listener(int backlog = 8) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
        address_.sin_family = AF_INET;
        address_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        EXPECT_EQ(::bind(fd_, address(), size()), 0);
        EXPECT_EQ(::listen(fd_, backlog), 0);
        socklen_t size = sizeof address_;
        ::getsockname(fd_, reinterpret_cast<sockaddr*>(&address_), &size);
    }
    ~loopback_listener() { close(); }
    loopback_listener(const loopback_listener&) = delete;
    loopback_listener& operator=(const loopback_listener&) = delete;

    void close() {
        if (fd_ >= 0) {
            ::close(std::exchange(fd_, -1));
        }
    }

    [[nodiscard]] int get() const { return fd_; }
    [[nodiscard]] const sockaddr* address() const {
        return reinterpret_cast<const sockaddr*>(&address_);
    }
    [[nodiscard]] socklen_t size() const { return sizeof address_; }

private:
    int fd_;
    sockaddr_in address_{};
};

TEST(PosixStream, AReaderLetsTheWriterRun) {
    const descriptor_pair pair;
    char got[8] = {};
    run_together({[&] { EXPECT_EQ(::read(pair.near(), got, sizeof got), 5); },
                  [&] { EXPECT_EQ(::write(pair.far(), "hello", 5), 5); }});
    EXPECT_STREQ(got, "hello");
}

TEST(PosixStream, AWriteWritesAllThoughItHasToWait) {
    for (const auto kind : {descriptor_pair::kind::stream, descriptor_pair::kind::pipe}) {
        descriptor_pair pair(kind);
        const std::string sent = pattern(large);
        std::string got;
        run_together({[&] {
                          EXPECT_EQ(::write(pair.far(), sent.data(), sent.size()),
                                    static_cast<ssize_t>(large));
                          pair.close_far();
                      },
                      [&] { got = read_all(pair.near()); }});
        EXPECT_EQ(got, sent);
    }
}

TEST(PosixStream, SendsAndReceivesTheSame) {
    descriptor_pair pair;
    const std::string sent = pattern(large);
    std::string got(large, '\0');
    run_together({[&] {
                      EXPECT_EQ(::send(pair.far(), sent.data(), sent.size(), MSG_NOSIGNAL),
                                static_cast<ssize_t>(large));
                  },
                  [&] {
                      EXPECT_EQ(::recv(pair.near(), got.data(), large, MSG_WAITALL),
                                static_cast<ssize_t>(large));
                  }});
    EXPECT_EQ(got, sent);
}

/// More than fits into a buffer of the kernel's, in parts of which one is empty.
struct large_parts {
    std::string first = pattern(large);
    std::string second = pattern(100'001);

    void write_to(int fd) {
        const iovec parts[] = {
            {first.data(), first.size()}, {nullptr, 0}, {second.data(), second.size()}};
        EXPECT_EQ(::writev(fd, parts, 3), static_cast<ssize_t>(first.size() + second.size()));
    }
};

TEST(PosixStream, PartsAreWrittenAndRead) {
    descriptor_pair pair;
    large_parts sent;
    std::string got;
    run_together({[&] {
                      sent.write_to(pair.far());
                      pair.close_far();
                  },
                  [&] {
                      char a[3];
                      char b[4];
                      const iovec parts[] = {{a, sizeof a}, {b, sizeof b}};
                      EXPECT_EQ(::readv(pair.near(), parts, 2), 7);
                      got = std::string(a, 3) + std::string(b, 4) + read_all(pair.near());
                  }});
    EXPECT_TRUE(got == sent.first + sent.second);
}

TEST(PosixStream, MessagesOfDatagramSocketsStayWhole) {
    const descriptor_pair pair(descriptor_pair::kind::datagram);
    constexpr int count = 2000;  // more than the queue takes
    int got = 0;
    run_together({[&] {
                      for (int i = 0; i < count; ++i) {
                          ASSERT_EQ(::send(pair.far(), &i, sizeof i, 0), 4);
                      }
                  },
                  [&] {
                      for (; got < count; ++got) {
                          int value = -1;
                          iovec part{&value, sizeof value};
                          msghdr message{};
                          message.msg_iov = &part;
                          message.msg_iovlen = 1;
                          ASSERT_EQ(::recvmsg(pair.near(), &message, 0), 4);
                          ASSERT_EQ(value, got);
                      }
                  }});
    EXPECT_EQ(got, count);
}

TEST(PosixStream, ANonBlockingDescriptorDoesNotBlock) {
    const descriptor_pair pair;
    ::fcntl(pair.near(), F_SETFL, O_NONBLOCK);
    run_together({[&] {
        char byte = 0;
        errno = 0;
        EXPECT_EQ(::read(pair.near(), &byte, 1), -1);
        EXPECT_EQ(errno, EAGAIN);
        std::string much(large, 'x');
        const ssize_t written = ::write(pair.near(), much.data(), much.size());
        EXPECT_GT(written, 0);
        EXPECT_LT(written, static_cast<ssize_t>(large));
    }});
}

TEST(PosixStream, TheTimeoutOfASocketHolds) {
    const descriptor_pair pair;
    const timeval soon{.tv_sec = 0, .tv_usec = 2000};
    ASSERT_EQ(::setsockopt(pair.near(), SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof soon), 0);
    run_together({[&] {
        char byte = 0;
        EXPECT_EQ(::recv(pair.near(), &byte, 1, 0), -1);
        EXPECT_EQ(errno, EAGAIN);
    }});
}

TEST(PosixStream, WhoWritesToNobodyIsToldSo) {
    descriptor_pair pair;
    pair.close_near();
    run_together({[&] {
        EXPECT_EQ(::send(pair.far(), "x", 1, MSG_NOSIGNAL), -1);
        EXPECT_EQ(errno, EPIPE);
    }});
}

TEST(PosixConnect, ConnectsAndAccepts) {
    loopback_listener listener;
    std::string got;
    run_together({[&] {
                      const int peer = ::accept(listener.get(), nullptr, nullptr);
                      ASSERT_GE(peer, 0);
                      got = read_all(peer);
                      ::close(peer);
                  },
                  [&] {
                      const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
                      EXPECT_EQ(::connect(fd, listener.address(), listener.size()), 0);
                      EXPECT_EQ(::fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
                      EXPECT_EQ(::write(fd, "by name", 7), 7);
                      ::close(fd);
                  }});
    EXPECT_EQ(got, "by name");
    listener.close();
    run_together({[&] {
        const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
        EXPECT_EQ(::connect(fd, listener.address(), listener.size()), -1);
        EXPECT_EQ(errno, ECONNREFUSED);
        ::close(fd);
    }});
}

TEST(PosixStream, PartsAreWrittenToAPipeWhileItIsRead) {
    descriptor_pair pair(descriptor_pair::kind::pipe);
    large_parts sent;
    std::string got;
    run_together({[&] {
                      sent.write_to(pair.far());
                      pair.close_far();
                  },
                  [&] { got = read_all(pair.near()); }});
    EXPECT_TRUE(got == sent.first + sent.second);
}

TEST(PosixStream, NumbersOfPartsAreCheckedBeforeAnyWait) {
    const descriptor_pair pair;
    char byte = 0;
    const std::vector<iovec> parts(IOV_MAX + 1, iovec{&byte, 1});
    run_together({[&] {
        EXPECT_EQ(::readv(pair.near(), parts.data(), 0), 0);
        EXPECT_EQ(::readv(pair.near(), parts.data(), IOV_MAX + 1), -1);
        EXPECT_EQ(errno, EINVAL);
        EXPECT_EQ(::writev(pair.near(), parts.data(), IOV_MAX + 1), -1);
        EXPECT_EQ(errno, EINVAL);
    }});
}

TEST(PosixStream, TheWrongEndOfAPipeIsRefused) {
    const descriptor_pair pair(descriptor_pair::kind::pipe);
    run_together({[&] {
        char byte = 0;
        EXPECT_EQ(::read(pair.far(), &byte, 1), -1);
        EXPECT_EQ(errno, EBADF);
        EXPECT_EQ(::write(pair.near(), &byte, 1), -1);
        EXPECT_EQ(errno, EBADF);
    }});
}

TEST(PosixStream, AllIsSentThoughAnAddressIsGiven) {
    const loopback_listener listener;
    const std::string sent = pattern(16 * large);
    std::string got;
    run_together({[&] {
                      const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
                      ASSERT_EQ(::connect(fd, listener.address(), listener.size()), 0);
                      EXPECT_EQ(::sendto(fd, sent.data(), sent.size(), 0, listener.address(),
                                         listener.size()),
                                static_cast<ssize_t>(sent.size()));
                      ::close(fd);
                  },
                  [&] {
                      const int peer = ::accept(listener.get(), nullptr, nullptr);
                      got = read_all(peer);
                      ::close(peer);
                  }});
    EXPECT_TRUE(got == sent);
}

int unread(int fd) {
    int bytes = -1;
    EXPECT_EQ(::ioctl(fd, FIONREAD, &bytes), 0);
    return bytes;
}

TEST(PosixStream, WaitsForAllThatIsAskedFor) {
    const descriptor_pair pair;
    std::string seen;
    run_together({[&] {
                      char room[6];
                      iovec part{room, sizeof room};
                      msghdr message{};
                      message.msg_iov = &part;
                      message.msg_iovlen = 1;
                      EXPECT_EQ(::recvmsg(pair.near(), &message, MSG_WAITALL), 6);
                      seen.append(room, sizeof room);
                      EXPECT_EQ(::recvmsg(pair.near(), &message, MSG_WAITALL), 6);
                      seen.append(room, sizeof room);
                  },
                  [&] {
                      for (const char* part : {"abc", "def", "ghi", "jkl"}) {
                          EXPECT_EQ(::write(pair.far(), part, 3), 3);
                          EXPECT_TRUE(
                              testing::eventually([&] { return unread(pair.near()) == 0; }));
                      }
                  }});
    EXPECT_EQ(seen, "abcdefghijkl");
}

TEST(PosixConnect, AFullQueueOfAUnixListenerLetsTheAcceptorRun) {
    const int listener = ::socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    // The system chooses an abstract name.
    ASSERT_EQ(::bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof(sa_family_t)), 0);
    socklen_t size = sizeof address;
    ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size);
    ASSERT_EQ(::listen(listener, 0), 0);
    constexpr int count = 4;
    run_together({[&] {
                      for (int i = 0; i < count; ++i) {
                          const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
                          EXPECT_EQ(::connect(fd, reinterpret_cast<sockaddr*>(&address), size), 0);
                          ::close(fd);
                      }
                  },
                  [&] {
                      for (int i = 0; i < count; ++i) {
                          const int fd = ::accept(listener, nullptr, nullptr);
                          EXPECT_GE(fd, 0);
                          ::close(fd);
                      }
                  }});
    // Nobody accepts: a timeout and a stop end it.
    runtime home(testing::one_kernel_thread);
    home.run([&] {
        const int first = ::socket(AF_UNIX, SOCK_STREAM, 0);
        EXPECT_EQ(::connect(first, reinterpret_cast<sockaddr*>(&address), size), 0);
        const int second = ::socket(AF_UNIX, SOCK_STREAM, 0);
        const timeval soon{.tv_sec = 0, .tv_usec = 3000};
        ::setsockopt(second, SOL_SOCKET, SO_SNDTIMEO, &soon, sizeof soon);
        EXPECT_EQ(::connect(second, reinterpret_cast<sockaddr*>(&address), size), -1);
        EXPECT_EQ(errno, EAGAIN);
        const timeval never{};
        ::setsockopt(second, SOL_SOCKET, SO_SNDTIMEO, &never, sizeof never);
        with_deadline(std::chrono::milliseconds(3), [&] {
            EXPECT_EQ(::connect(second, reinterpret_cast<sockaddr*>(&address), size), -1);
            EXPECT_EQ(errno, ETIMEDOUT);
        });
        ::close(first);
        ::close(second);
    });
    ::close(listener);
}

TEST(PosixConnect, OneThatTimedOutCanBeWaitedForAgain) {
    const loopback_listener listener(0);
    run_together({[&] {
        const int first = ::socket(AF_INET, SOCK_STREAM, 0);
        ASSERT_EQ(::connect(first, listener.address(), listener.size()), 0);
        // Its queue is full: the kernel answers when there is room, and is asked each second.
        const int second = ::socket(AF_INET, SOCK_STREAM, 0);
        const timeval soon{.tv_sec = 0, .tv_usec = 3000};
        ::setsockopt(second, SOL_SOCKET, SO_SNDTIMEO, &soon, sizeof soon);
        EXPECT_EQ(::connect(second, listener.address(), listener.size()), -1);
        EXPECT_EQ(errno, EINPROGRESS);
        EXPECT_EQ(::connect(second, listener.address(), listener.size()), -1);
        EXPECT_EQ(errno, EALREADY);
        const timeval never{};
        ::setsockopt(second, SOL_SOCKET, SO_SNDTIMEO, &never, sizeof never);
        ::close(::accept(listener.get(), nullptr, nullptr));
        EXPECT_EQ(::connect(second, listener.address(), listener.size()), 0);
        ::close(first);
        ::close(second);
    }});
}

TEST(PosixStream, AStopEndsARead) {
    const descriptor_pair pair;
    runtime home(testing::one_kernel_thread);
    fiber reader = home.spawn([&](std::stop_token) {
        char byte = 0;
        EXPECT_EQ(::read(pair.near(), &byte, 1), -1);
        EXPECT_EQ(errno, ECANCELED);
    });
    reader.request_stop();
    reader.join();
}

TEST(PosixStream, ADeadlineEndsARead) {
    const descriptor_pair pair;
    run_together({[&] {
        with_deadline(std::chrono::milliseconds(2), [&] {
            char byte = 0;
            EXPECT_EQ(::read(pair.near(), &byte, 1), -1);
            EXPECT_EQ(errno, ETIMEDOUT);
        });
    }});
}

TEST(PosixStream, PlainThreadsBlockAsEver) {
    const descriptor_pair pair;
    std::thread reader([&] {
        char byte = 0;
        EXPECT_EQ(::read(pair.near(), &byte, 1), 1);
        EXPECT_EQ(byte, 'x');
    });
    EXPECT_EQ(::write(pair.far(), "x", 1), 1);
    reader.join();
}

TEST(PosixStream, FilesAreReadAndWritten) {
    const std::string text = pattern(100'000);
    run_together({[&] {
        const int fd = ::open(".", O_TMPFILE | O_RDWR, 0600);
        ASSERT_GE(fd, 0);
        EXPECT_EQ(::write(fd, text.data(), text.size()), static_cast<ssize_t>(text.size()));
        EXPECT_EQ(::lseek(fd, 0, SEEK_SET), 0);
        EXPECT_TRUE(read_all(fd) == text);
        EXPECT_EQ(::fsync(fd), 0);
        ::close(fd);
        char byte = 0;
        EXPECT_EQ(::read(fd, &byte, 1), -1);
        EXPECT_EQ(errno, EBADF);
    }});
}

}  // namespace

}  // namespace weft
