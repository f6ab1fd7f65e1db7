// SPDX-License-Identifier: Apache-2.0
//
// poll, ppoll, select, pselect, epoll_wait, epoll_pwait. Those with a signal mask are made as they
// are, aside: signals are the business of kernel threads. So is a select() of more than FD_SETSIZE
// descriptors: the kernel looks at no more of the sets than it has descriptors, which nobody else
// knows, and callers count on it (select(getdtablesize(), ...)).
#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <iterator>
#include <memory>
#include <new>
#include <optional>
#include <span>

#include "base/assert.h"
#include "io/poll_set.h"
#include "io/wait.h"
#include "posix/aside.h"
#include "posix/caller.h"
#include "posix/next.h"
#include "posix/times.h"

WEFT_POSIX_PART(poll_calls)

WEFT_POSIX_NEXT(poll)
WEFT_POSIX_NEXT(ppoll)
WEFT_POSIX_NEXT(select)
WEFT_POSIX_NEXT(pselect)
WEFT_POSIX_NEXT(epoll_wait)
WEFT_POSIX_NEXT(epoll_pwait)

namespace weft::posix {

namespace {

/// Negative: never.
deadline deadline_in(int milliseconds) noexcept {
    return milliseconds < 0 ? deadline::never() : deadline(std::chrono::milliseconds(milliseconds));
}

/// Null: never. Nothing if it is no time.
std::optional<deadline> deadline_in(const timespec* timeout) noexcept {
    if (timeout == nullptr) {
        return deadline::never();
    }
    if (!is_duration(*timeout)) {
        return std::nullopt;
    }
    return deadline(nanoseconds_of(*timeout));
}

timeval time_left(deadline until) noexcept {
    const nanoseconds left = left_until(until);
    return {.tv_sec = left.count() / 1'000'000'000,
            .tv_usec = left.count() % 1'000'000'000 / 1'000};
}

/// The sets of a select() as one of a poll(), and back. As the kernel's: readable is POLLIN,
/// POLLRDNORM, hang-up and error; writable POLLOUT and error; exceptional POLLPRI.
class selected {
public:
    selected(int count, fd_set* read, fd_set* write, fd_set* except) noexcept
        : sets_{{read, POLLIN, POLLIN | POLLHUP | POLLERR},
                {write, POLLOUT, POLLOUT | POLLERR},
                {except, POLLPRI, POLLPRI}} {
        entries_.reset(new (std::nothrow) pollfd[static_cast<std::size_t>(count) + 1]);
        if (entries_ == nullptr) {
            return;
        }
        for (int fd = 0; fd < count; ++fd) {
            short events = 0;
            for (const kind& each : sets_) {
                if (each.set != nullptr && FD_ISSET(fd, each.set)) {
                    events = static_cast<short>(events | each.asked);
                }
            }
            if (events != 0) {
                entries_[size_++] = {.fd = fd, .events = events, .revents = 0};
            }
        }
    }

    /// Outcome of the call; the sets are changed if it is not negative.
    ssize_t wait(deadline until) noexcept {
        if (entries_ == nullptr) {
            return -ENOMEM;
        }
        for (;;) {
            const int ready = io::poll_set(std::span(entries_.get(), size_), until);
            if (ready < 0) {
                return ready;
            }
            if (has_bad_descriptor()) {
                return -EBADF;
            }
            const ssize_t found = count_answers();
            if (found != 0 || ready == 0) {
                put_back();
                return found;
            }
            leave_out_unasked();
        }
    }

private:
    struct kind {
        fd_set* set;
        short asked;
        short answers;
    };

    static bool has_answer(const kind& one, const pollfd& entry) noexcept {
        return (entry.events & one.asked) != 0 && (entry.revents & one.answers) != 0;
    }

    [[nodiscard]] bool has_bad_descriptor() const noexcept {
        return std::any_of(entries_.get(), entries_.get() + size_,
                           [](const pollfd& entry) { return (entry.revents & POLLNVAL) != 0; });
    }

    [[nodiscard]] ssize_t count_answers() const noexcept {
        ssize_t found = 0;
        for (std::size_t i = 0; i < size_; ++i) {
            found += std::count_if(std::begin(sets_), std::end(sets_),
                                   [&](const kind& one) { return has_answer(one, entries_[i]); });
        }
        return found;
    }

    void put_back() noexcept {
        for (std::size_t i = 0; i < size_; ++i) {
            for (const kind& one : sets_) {
                if ((entries_[i].events & one.asked) != 0 && !has_answer(one, entries_[i])) {
                    FD_CLR(std::max(entries_[i].fd, ~entries_[i].fd), one.set);
                }
            }
        }
    }

    /// Those of which something is known that was not asked for, a hang-up: poll(2) always tells,
    /// select(2) does not. Poll passes over numbers below 0.
    void leave_out_unasked() noexcept {
        for (std::size_t i = 0; i < size_; ++i) {
            if (entries_[i].revents != 0) {
                entries_[i].fd = ~entries_[i].fd;
            }
        }
    }

    const kind sets_[3];
    std::unique_ptr<pollfd[]> entries_;
    std::size_t size_ = 0;
};

ssize_t select_until(int count, fd_set* read, fd_set* write, fd_set* except,
                     std::optional<deadline> until) noexcept {
    if (count < 0 || !until) {
        return -EINVAL;
    }
    return selected(count, read, write, except).wait(*until);
}

int epoll_wait_until(int epoll, epoll_event* events, int room, deadline until) noexcept {
    for (;;) {
        const auto ready = outcome_of(next::epoll_wait(epoll, events, room, 0));
        if (ready != 0) {
            return static_cast<int>(ready);
        }
        const int error = io::wait_for_event(epoll, POLLIN, until);
        if (error < 0) {
            return error == -ETIMEDOUT && until.expired() ? 0 : error;
        }
    }
}

}  // namespace

}  // namespace weft::posix

namespace posix = weft::posix;

extern "C" {

int poll(pollfd* set, nfds_t count, int timeout) {
    if (timeout == 0 || !posix::may_park()) {
        return posix::next::poll(set, count, timeout);
    }
    const posix::errno_guard call;
    return static_cast<int>(
        call.finish(weft::io::poll_set(std::span(set, count), posix::deadline_in(timeout))));
}

int ppoll(pollfd* set, nfds_t count, const timespec* timeout, const sigset_t* mask) {
    if (!posix::may_park()) {
        return posix::next::ppoll(set, count, timeout, mask);
    }
    if (mask != nullptr) {
        return posix::aside([=] { return posix::next::ppoll(set, count, timeout, mask); });
    }
    const posix::errno_guard call;
    const auto until = posix::deadline_in(timeout);
    return static_cast<int>(
        call.finish(until ? weft::io::poll_set(std::span(set, count), *until) : -EINVAL));
}

int select(int count, fd_set* read, fd_set* write, fd_set* except, timeval* timeout) {
    if (!posix::may_park()) {
        return posix::next::select(count, read, write, except, timeout);
    }
    if (count > FD_SETSIZE) {
        return posix::aside(
            [=] { return posix::next::select(count, read, write, except, timeout); });
    }
    const posix::errno_guard call;
    timespec limit{};
    if (timeout != nullptr) {
        // Microseconds may be more than a second here.
        limit = {.tv_sec = timeout->tv_sec + timeout->tv_usec / 1'000'000,
                 .tv_nsec = timeout->tv_usec % 1'000'000 * 1'000};
    }
    const auto until = posix::deadline_in(timeout != nullptr ? &limit : nullptr);
    const ssize_t outcome = posix::select_until(count, read, write, except, until);
    if (timeout != nullptr && until) {
        *timeout = posix::time_left(*until);  // as Linux does
    }
    return static_cast<int>(call.finish(outcome));
}

int pselect(int count, fd_set* read, fd_set* write, fd_set* except, const timespec* timeout,
            const sigset_t* mask) {
    if (!posix::may_park()) {
        return posix::next::pselect(count, read, write, except, timeout, mask);
    }
    if (mask != nullptr || count > FD_SETSIZE) {
        return posix::aside(
            [=] { return posix::next::pselect(count, read, write, except, timeout, mask); });
    }
    const posix::errno_guard call;
    return static_cast<int>(
        call.finish(posix::select_until(count, read, write, except, posix::deadline_in(timeout))));
}

int epoll_wait(int epoll, epoll_event* events, int room, int timeout) {
    if (timeout == 0 || !posix::may_park()) {
        return posix::next::epoll_wait(epoll, events, room, timeout);
    }
    const posix::errno_guard call;
    return static_cast<int>(
        call.finish(posix::epoll_wait_until(epoll, events, room, posix::deadline_in(timeout))));
}

int epoll_pwait(int epoll, epoll_event* events, int room, int timeout, const sigset_t* mask) {
    if (mask == nullptr) {
        return epoll_wait(epoll, events, room, timeout);
    }
    const auto call = [=] { return posix::next::epoll_pwait(epoll, events, room, timeout, mask); };
    return timeout == 0 || !posix::may_park() ? call() : posix::aside(call);
}

int __poll_chk(pollfd* set, nfds_t count, int timeout, size_t room) {
    WEFT_ASSERT(count <= room / sizeof(pollfd), "poll() on more descriptors than there are");
    return poll(set, count, timeout);
}

int __ppoll_chk(pollfd* set, nfds_t count, const timespec* timeout, const sigset_t* mask,
                size_t room) {
    WEFT_ASSERT(count <= room / sizeof(pollfd), "ppoll() on more descriptors than there are");
    return ppoll(set, count, timeout, mask);
}

}  // extern "C"
