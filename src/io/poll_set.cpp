// SPDX-License-Identifier: Apache-2.0
#include "io/poll_set.h"

#include <algorithm>
#include <cstddef>
#include <memory>
#include <new>
#include <optional>

#include <weft/errno.h>

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

/// A wait for each descriptor of a set, at its place; on the stack if they are few.
class waits {
public:
    explicit waits(std::size_t count) noexcept
        : heap_(count > few ? new(std::nothrow) std::optional<fd_wait>[count] : nullptr),
          all_(count > few ? heap_.get() : here_) {}
    waits(const waits&) = delete;
    waits& operator=(const waits&) = delete;

    [[nodiscard]] bool has_room() const noexcept { return all_ != nullptr; }
    std::optional<fd_wait>& operator[](std::size_t i) noexcept { return all_[i]; }

private:
    static constexpr std::size_t few = 4;

    std::optional<fd_wait> here_[few];
    std::unique_ptr<std::optional<fd_wait>[]> heap_;
    std::optional<fd_wait>* all_;
};

/// 0, or why one of them cannot be waited for; then `who` is woken: those before it may have done
/// so by now.
int stand_before(std::span<const pollfd> set, waits& places, sched::waiter& who) noexcept {
    fd_poller& poller = netpoll::current()->fds();
    for (std::size_t i = 0; i < set.size(); ++i) {
        if (set[i].fd < 0) {
            continue;
        }
        if (const int error = poller.add(places[i].emplace(who, set[i].fd, set[i].events))) {
            places[i].reset();
            who.wake();
            return error;
        }
    }
    return 0;
}

/// How many have something by now, which is noted.
int leave_all(std::span<pollfd> set, waits& places, sched::wake_reason reason) noexcept {
    fd_poller& poller = netpoll::current()->fds();
    int ready = 0;
    for (std::size_t i = 0; i < set.size(); ++i) {
        const int found = places[i] ? poller.finish(*places[i], reason) : 0;
        const int events = found == -EBADF ? POLLNVAL : std::max(found, 0);
        set[i].revents = static_cast<short>(events);
        ready += events != 0 ? 1 : 0;
    }
    return ready;
}

/// One wait before all of them: how many have something, or an errno value, negated. -EAGAIN: only
/// poll(2) can say what there is.
int park_before(std::span<pollfd> set, deadline until) noexcept {
    sched::cancellable_wait wait(until);
    if (wait.until().expired()) {
        return -ETIMEDOUT;
    }
    waits places(set.size());
    if (!places.has_room()) {
        return -ENOMEM;
    }
    wait.who.prepare();
    const int failure = stand_before(set, places, wait.who);
    const sched::wake_reason reason = wait.park();
    if (const int ready = leave_all(set, places, reason)) {
        return ready;
    }
    if (failure != 0) {
        return failure == EPERM || failure == EBADF ? -EAGAIN : -failure;
    }
    switch (reason) {
        case sched::wake_reason::timed_out:
            return -ETIMEDOUT;
        case sched::wake_reason::cancelled:
            return -ECANCELED;
        case sched::wake_reason::signalled:
            break;  // the poller gave one of them up
    }
    return -EAGAIN;
}

}  // namespace

int poll_set(std::span<pollfd> set, deadline until) noexcept {
    int ready = look(set);
    while (ready == 0) {
        const int outcome = park_before(set, until);
        if (outcome > 0) {
            return outcome;
        }
        // The poller may not have looked for a while: what is ready counts, also at the deadline.
        ready = look(set);
        if (ready == 0 && outcome != -EAGAIN) {
            return outcome == -ETIMEDOUT && until.expired() ? 0 : outcome;
        }
    }
    return ready;
}

}  // namespace weft::io
