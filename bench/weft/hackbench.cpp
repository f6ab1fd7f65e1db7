// SPDX-License-Identifier: Apache-2.0
//
// Groups in which everybody writes to everybody, so that the scheduler is asked at each message.
// After hackbench (Linux' rt-tests; also LTP's sched/cfs-scheduler/hackbench and `perf bench sched
// messaging`), with its numbers: 20 senders and 20 receivers in a group, each sender writes 100
// messages of 100 bytes to each receiver, over Unix sockets. All start at once when all are there.
#include <sys/socket.h>
#include <unistd.h>
#include <weft/socket.h>

#include <array>
#include <cerrno>
#include <memory>
#include <stdexcept>
#include <system_error>
#include <vector>

#include "concurrency.h"
#include "workloads.h"

namespace bench {

namespace {

constexpr std::size_t members = 20;  // senders, and as many receivers
constexpr std::size_t messages = 100;
constexpr std::size_t message_size = 100;
constexpr unsigned cpus = 2;

using message = std::array<std::byte, message_size>;

weft::socket taken_over(int fd) {
    if (fd < 0) {
        throw std::system_error(errno, std::generic_category(), "socket");
    }
    auto taken = weft::socket::from_native(fd);
    if (!taken) {
        ::close(fd);
        throw std::system_error(taken.error());
    }
    return std::move(*taken);
}

/// One receiver's end, and for each sender one of its own: a socket has one writer at a time.
struct mailbox {
    weft::socket receiver;
    std::vector<weft::socket> senders;

    mailbox() {
        std::array<int, 2> ends{};
        if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
            throw std::system_error(errno, std::generic_category(), "socketpair");
        }
        receiver = taken_over(ends[0]);
        senders.push_back(taken_over(ends[1]));
        while (senders.size() < members) {
            senders.push_back(taken_over(::dup(ends[1])));
        }
    }
};

void send_all(std::vector<mailbox>& group, std::size_t sender) {
    const message text{};
    for (std::size_t i = 0; i < messages; ++i) {
        for (mailbox& to : group) {
            if (!to.senders[sender].write(text)) {
                throw std::runtime_error("hackbench: a write failed");
            }
        }
    }
}

void receive_all(mailbox& from) {
    message text;
    for (std::size_t left = members * messages * message_size; left > 0;) {
        const auto count = from.receiver.read(text);
        if (!count || *count == 0) {
            throw std::runtime_error("hackbench: a read failed");
        }
        left -= *count;
    }
}

template <class Model>
cost message_groups(std::size_t count) {
    return Model::run(cpus, [count] {
        std::vector<std::vector<mailbox>> groups(count);
        for (auto& group : groups) {
            group = std::vector<mailbox>(members);
        }
        typename Model::semaphore ready(0);
        typename Model::semaphore start(0);
        std::vector<typename Model::thread> all;
        const auto add = [&](auto body) {
            all.emplace_back([&ready, &start, body] {
                ready.release();
                start.acquire();
                body();
            });
        };
        for (auto& group : groups) {
            for (std::size_t i = 0; i < members; ++i) {
                add([&group, i] { receive_all(group[i]); });
                add([&group, i] { send_all(group, i); });
            }
        }
        for (std::size_t i = 0; i < all.size(); ++i) {
            ready.acquire();
        }
        return timed(count * members * members * messages, [&] {
            start.release(static_cast<std::ptrdiff_t>(all.size()));
            for (auto& one : all) {
                one.join();
            }
        });
    });
}

}  // namespace

cost hackbench(std::size_t size) {
    return message_groups<fibers>(size);
}

cost hackbench_thread(std::size_t size) {
    return message_groups<kernel_threads>(size);
}

}  // namespace bench
