// SPDX-License-Identifier: Apache-2.0
#include "io/poll_set.h"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <memory>
#include <new>

#include "io/fd_poller.h"
#include "io/netpoll_epoll.h"
#include "io/wait.h"
#include "sched/cancellable_wait.h"

namespace weft::io {

namespace {

/// poll(2) that does not wait.
int look(std::span<pollfd> set) noexcept {
    for (;;) {
        const int ready = ::poll(set.data(), set.size(), 0);
        if (ready >= 0 || errno != EINTR) {
            return ready >= 0 ? ready : -errno;
        }
    }
}

/// A wait for each descriptor of a set: on the stack if they are few.
class waits {
public:
    explicit waits(std::size_t count) noexcept
        : heap_(count > few ? new(std::nothrow) slot[count] : nullptr),
          slots_(count > few ? heap_.get() : here_) {}
    ~waits() {
        for (std::size_t i = 0; i < size_; ++i) {
            std::destroy_at(&at(i));
        }
    }
    waits(const waits&) = delete;
    waits& operator=(const waits&) = delete;

    [[nodiscard]] bool has_room() const noexcept { return slots_ != nullptr; }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }

    fd_wait& at(std::size_t i) noexcept {
        return *std::launder(reinterpret_cast<fd_wait*>(slots_[i].bytes));
    }
    fd_wait& add(sched::waiter& who, const pollfd& wanted) noexcept {
        return *std::construct_at(reinterpret_cast<fd_wait*>(slots_[size_++].bytes), who, wanted.fd,
                                  wanted.events);
    }
    void drop_last() noexcept { std::destroy_at(&at(--size_)); }

private:
    struct slot {
        alignas(fd_wait) std::byte bytes[sizeof(fd_wait)];
    };
    static constexpr std::size_t few = 4;

    slot here_[few];
    std::unique_ptr<slot[]> heap_;
    slot* slots_;
    std::size_t size_ = 0;
};

/// One wait before all of them: 0 (look again), or an errno value, negated.
int park_before(std::span<const pollfd> set, deadline until) noexcept {
    sched::cancellable_wait wait(until);
    if (wait.until().expired()) {
        return -ETIMEDOUT;
    }
    waits places(set.size());
    if (!places.has_room()) {
        return -ENOMEM;
    }
    fd_poller& poller = netpoll::current()->fds();
    wait.who.prepare();
    int failure = 0;
    for (const pollfd& wanted : set) {
        if (wanted.fd < 0) {
            continue;
        }
        failure = poller.add(places.add(wait.who, wanted));
        if (failure != 0) {
            places.drop_last();
            wait.who.wake();  // those before it may have woken it by now
            break;
        }
    }
    const sched::wake_reason reason = wait.park();
    int found = -EAGAIN;
    for (std::size_t i = 0; i < places.size(); ++i) {
        found = std::max(found, poller.finish(places.at(i), reason));
    }
    if (failure == EPERM || failure == EBADF || found > 0) {
        return 0;  // poll(2) has a word for it
    }
    if (failure != 0) {
        return -failure;
    }
    switch (reason) {
        case sched::wake_reason::timed_out:
            return -ETIMEDOUT;
        case sched::wake_reason::cancelled:
            return -ECANCELED;
        case sched::wake_reason::signalled:
            break;
    }
    return 0;  // one of them was closed
}

}  // namespace

int poll_set(std::span<pollfd> set, deadline until) noexcept {
    int ready = look(set);
    while (ready == 0) {
        const int error = park_before(set, until);
        // The poller may not have looked for a while: what is ready counts, also at the deadline.
        ready = look(set);
        if (ready == 0 && error != 0) {
            return error == -ETIMEDOUT && until.expired() ? 0 : error;
        }
    }
    return ready;
}

}  // namespace weft::io
