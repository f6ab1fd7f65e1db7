// SPDX-License-Identifier: Apache-2.0
//
// A library that knows nothing of fibers asks a server COUNT times at once, on one kernel thread,
// because the program links weft::posix: what blocks in the library parks its fiber.
//     blocking_library PORT COUNT
#include <weft/runtime.h>
#include <weft/scope.h>

#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include <weft/errno.h>  // the last one: errno is asked for anew after each wait

// The library: what it is asked for goes to the server, the answer is returned, or errno is set.
static std::string library_ask(const char* port, const std::string& question) {
    addrinfo hints{};
    hints.ai_family = AF_INET;
    addrinfo* found = nullptr;
    if (::getaddrinfo("127.0.0.1", port, &hints, &found) != 0) {
        errno = EADDRNOTAVAIL;
        return {};
    }
    const int fd = ::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const bool asked = ::connect(fd, found->ai_addr, found->ai_addrlen) == 0 &&
                       ::send(fd, question.data(), question.size(), MSG_NOSIGNAL) > 0;
    ::freeaddrinfo(found);
    std::string answer(100, '\0');
    pollfd entry{.fd = fd, .events = POLLIN, .revents = 0};
    const bool answered = asked && ::poll(&entry, 1, 30'000) == 1;
    const ssize_t size = answered ? ::recv(fd, answer.data(), answer.size(), 0) : -1;
    const int failed = errno;
    ::close(fd);
    errno = failed;
    answer.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
    return answer;
}

int main(int argc, char** argv) {
    const char* const port = argc > 1 ? argv[1] : "7000";
    const int count = argc > 2 ? std::atoi(argv[2]) : 100;
    // Libraries may want larger stacks. No preemption, to show that nothing blocks the worker.
    weft::run({.workers = 1, .stack_size = 256 * 1024, .preempt = false}, [&] {
        weft::with_scope([&](weft::scope& all) {
            for (int i = 0; i < count; ++i) {
                all.spawn([i, port] {
                    const std::string answer = library_ask(port, "question " + std::to_string(i));
                    std::puts(!answer.empty() ? answer.c_str() : std::strerror(errno));
                });
            }
        });
    });
}
