// SPDX-License-Identifier: Apache-2.0
#include "io/fd_poller.h"

#include <poll.h>
#include <sys/epoll.h>

#include <system_error>

#include <weft/errno.h>

#include "base/assert.h"

namespace weft::io {

namespace {

constexpr int events_at_once = 64;
constexpr std::uint32_t always = EPOLLERR | EPOLLHUP;

static_assert(EPOLLIN == POLLIN && EPOLLPRI == POLLPRI && EPOLLOUT == POLLOUT &&
              EPOLLERR == POLLERR && EPOLLHUP == POLLHUP && EPOLLRDHUP == POLLRDHUP &&
              EPOLLRDNORM == POLLRDNORM && EPOLLWRNORM == POLLWRNORM);

int make_epoll() {
    const int fd = ::epoll_create1(EPOLL_CLOEXEC);
    if (fd < 0) {
        throw std::system_error(errno, std::generic_category(), "epoll_create1");
    }
    return fd;
}

/// The first one for `fd` from `place` on.
fd_wait* find(fd_wait* place, int fd) noexcept {
    while (place != nullptr && place->fd != fd) {
        place = place->next;
    }
    return place;
}

}  // namespace

fd_poller::fd_poller() : epoll_(make_epoll()) {}

/// 0 or an errno value.
int fd_poller::control(int operation, int fd, std::uint32_t generation,
                       std::uint32_t events) noexcept {
    epoll_event event{
        .events = events | EPOLLONESHOT,
        .data = {.u64 = std::uint64_t{generation} << 32 | static_cast<std::uint32_t>(fd)}};
    return ::epoll_ctl(epoll_.get(), operation, fd, &event) == 0 ? 0 : errno;
}

int fd_poller::add(fd_wait& wait) noexcept {
    if (wait.fd < 0) {
        return EBADF;
    }
    bucket& home = bucket_of(wait.fd);
    const base::spin_guard guard(home.lock);
    const fd_wait* const other = find(home.first, wait.fd);
    const int error =
        other == nullptr ? register_first(home, wait) : register_beside(home, wait, *other);
    if (error != 0) {
        return error;
    }
    wait.queued = true;
    wait.prev = nullptr;
    wait.next = home.first;
    if (home.first != nullptr) {
        home.first->prev = &wait;
    }
    home.first = &wait;
    return 0;
}

/// Nobody waits for the number.
int fd_poller::register_first(bucket& home, fd_wait& wait) noexcept {
    wait.generation = ++home.generation;
    const bool known = home.last_added == wait.fd;
    int error =
        control(known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, wait.fd, wait.generation, wait.events);
    if (error == (known ? ENOENT : EEXIST)) {
        error =
            control(known ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, wait.fd, wait.generation, wait.events);
    }
    if (error == 0) {
        home.last_added = wait.fd;
    }
    return error;
}

/// `other` and perhaps more wait for the same number.
int fd_poller::register_beside(bucket& home, fd_wait& wait, const fd_wait& other) noexcept {
    std::uint32_t events = wait.events;
    for (const fd_wait* each = find(home.first, wait.fd); each != nullptr;
         each = find(each->next, wait.fd)) {
        events |= each->events;
    }
    wait.generation = other.generation;
    const int error = control(EPOLL_CTL_MOD, wait.fd, wait.generation, events);
    if (error != ENOENT && error != EBADF) {
        return error;
    }
    // They wait for a file that is not open under this number any more.
    fail_all(home, wait.fd, EBADF);
    return register_first(home, wait);
}

void fd_poller::unlink(bucket& home, fd_wait& wait) noexcept {
    (wait.prev != nullptr ? wait.prev->next : home.first) = wait.next;
    if (wait.next != nullptr) {
        wait.next->prev = wait.prev;
    }
    wait.queued = false;
}

/// Ends all waits for the number. Returns how many it woke.
int fd_poller::fail_all(bucket& home, int fd, int error) noexcept {
    int woken = 0;
    for (fd_wait* wait = find(home.first, fd); wait != nullptr;) {
        fd_wait* const next = find(wait->next, fd);
        unlink(home, *wait);
        wait->error = error;
        woken += wait->who.wake() ? 1 : 0;
        wait = next;
    }
    return woken;
}

int fd_poller::finish(fd_wait& wait, sched::wake_reason reason) noexcept {
    {
        // Also after it was signalled: the waiter may stand in other nodes, too, and be woken by
        // one of those.
        bucket& home = bucket_of(wait.fd);
        const base::spin_guard guard(home.lock);
        if (wait.queued) {
            unlink(home, wait);
        }
    }
    if (wait.found != 0) {
        return static_cast<int>(wait.found);
    }
    if (wait.error != 0) {
        return -wait.error;
    }
    return reason == sched::wake_reason::timed_out ? -ETIMEDOUT : -ECANCELED;
}

int fd_poller::dispatch() noexcept {
    int woken = 0;
    for (;;) {
        epoll_event events[events_at_once];
        const int count = ::epoll_wait(epoll_.get(), events, events_at_once, 0);
        for (int i = 0; i < count; ++i) {
            woken += notify(static_cast<int>(events[i].data.u64 & 0xffffffff),
                            static_cast<std::uint32_t>(events[i].data.u64 >> 32), events[i].events);
        }
        // epoll_wait() looks without a lock whether there is anything, and may overlook an event
        // while another thread takes some; poll() does not.
        if (count < events_at_once && (count > 0 || !is_ready())) {
            return woken;
        }
    }
}

bool fd_poller::is_ready() const noexcept {
    pollfd set{.fd = epoll_.get(), .events = POLLIN, .revents = 0};
    return ::poll(&set, 1, 0) > 0;
}

/// An event has disabled the registration. Returns how many it woke.
int fd_poller::notify(int fd, std::uint32_t generation, std::uint32_t events) noexcept {
    bucket& home = bucket_of(fd);
    const base::spin_guard guard(home.lock);
    int woken = 0;
    std::uint32_t left = 0;
    for (fd_wait* wait = find(home.first, fd); wait != nullptr;) {
        fd_wait* const next = find(wait->next, fd);
        if (wait->generation == generation) {
            const std::uint32_t found = events & (wait->events | always);
            if (found != 0) {
                unlink(home, *wait);
                wait->found = found;
                woken += wait->who.wake() ? 1 : 0;
            } else {
                left |= wait->events;
            }
        }
        wait = next;
    }
    if (left != 0) {
        if (const int error = control(EPOLL_CTL_MOD, fd, generation, left)) {
            woken += fail_all(home, fd, error == ENOENT ? EBADF : error);
        }
    }
    return woken;
}

}  // namespace weft::io
