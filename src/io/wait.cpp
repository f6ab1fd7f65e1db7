// SPDX-License-Identifier: Apache-2.0
#include "io/wait.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <utility>
#include <vector>

#include <weft/errno.h>

#include "base/assert.h"
#include "base/fd.h"
#include "io/netpoll_epoll.h"
#include "sched/cancellable_wait.h"
#include "sched/current.h"
#include "sched/polling_waiter.h"

namespace weft::io {

int park_until_ready(poll_descriptor& d, direction dir, deadline until) noexcept {
    sched::cancellable_wait wait(until);
    if (wait.until().expired()) {
        return -ETIMEDOUT;
    }
    poll_wait place(wait.who);
    if (const int error = d.start_wait(dir, place)) {
        return error == EAGAIN ? 0 : -error;
    }
    const sched::wake_reason reason = wait.park();
    return -d.finish_wait(dir, place, reason);
}

namespace {

/// What ends a poll(2) of a plain thread when a stop is requested: an eventfd, made when first
/// needed. Invalid if there is none to be had.
const base::unique_fd& stop_event_of_thread() noexcept {
    thread_local base::unique_fd event;
    if (!event.valid()) {
        event.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    }
    return event;
}

/// As ppoll(2) on one descriptor, and on the event while `watch` is not null: -ECANCELED then.
int poll_once(pollfd& wanted, const timespec* left, sched::stop_watch* watch) noexcept {
    if (watch == nullptr) {
        const int ready = ::ppoll(&wanted, 1, left, nullptr);
        return ready >= 0 ? ready : -errno;
    }
    const base::unique_fd& event = stop_event_of_thread();
    if (!event.valid()) {
        return -errno;
    }
    std::array<pollfd, 2> both{wanted, {.fd = event.get(), .events = POLLIN, .revents = 0}};
    watch->begin(event.get());
    const int ready = ::ppoll(both.data(), both.size(), left, nullptr);
    const int error = ready < 0 ? -errno : 0;
    watch->end();
    wanted = both[0];
    std::uint64_t stops = 0;
    const bool stopped = ::read(event.get(), &stops, sizeof stops) == sizeof stops;
    if (error != 0) {
        return error;
    }
    return wanted.revents == 0 && stopped ? -ECANCELED : ready;
}

}  // namespace

bool may_block(deadline until) noexcept {
    return until.is_never() && sched::current_bounds() == nullptr;
}

int block_until_event(int fd, short events, deadline until, const poll_descriptor* owner) noexcept {
    WEFT_ASSERT(!sched::on_coroutine(),
                "a coroutine called a function that blocks; use its co_await form");
    pollfd wanted{.fd = fd, .events = events, .revents = 0};
    sched::stop_watch* watch = nullptr;
    if (const sched::cancel_bounds* const bounds = sched::current_bounds()) {
        watch = bounds->watch;
        until = std::min(until, bounds->until);
    }
    for (;;) {
        timespec left{};
        if (!until.is_never()) {
            // Not the difference alone: a deadline may lie before the beginning of time.
            const auto now = base::now_ns();
            const auto ns = std::max(until.nanoseconds(), now) - now;
            left = {.tv_sec = ns / 1'000'000'000, .tv_nsec = ns % 1'000'000'000};
        }
        const int ready = poll_once(wanted, until.is_never() ? nullptr : &left, watch);
        if (owner != nullptr && owner->closed()) {
            return -ECANCELED;
        }
        if (ready > 0) {
            return wanted.revents;
        }
        if (ready == 0) {
            return -ETIMEDOUT;
        }
        if (ready != -EINTR) {
            return ready;
        }
    }
}

namespace {

/// By a thread that close() must wake: shutdown(2) does not end its poll(2).
int block_as_waiter(poll_descriptor& d, direction dir, short events, deadline until) noexcept {
    base::unique_fd event(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!event.valid()) {
        return -errno;
    }
    std::vector<pollfd> entries;
    try {
        entries.reserve(2);
    } catch (const std::bad_alloc&) {
        return -ENOMEM;
    }
    entries.push_back({.fd = d.fd(), .events = events, .revents = 0});
    sched::polling_waiter who(std::move(event), std::move(entries));
    poll_wait place(who);
    if (const int error = d.start_wait_of_thread(dir, place)) {
        return -error;
    }
    sched::stop_watch* watch = nullptr;
    if (const sched::cancel_bounds* const bounds = sched::current_bounds()) {
        watch = bounds->watch;
        until = std::min(until, bounds->until);
    }
    if (watch != nullptr) {
        watch->begin(who);
    }
    const sched::wake_reason reason = who.poll(until.nanoseconds());
    if (watch != nullptr) {
        watch->end();
    }
    d.leave(dir, place);  // also when it was woken: the waker holds the lock while it needs `who`
    if (d.closed()) {
        return -ECANCELED;
    }
    if (reason == sched::wake_reason::signalled || events_now(d.fd(), events) != 0) {
        return 0;
    }
    return reason == sched::wake_reason::timed_out ? -ETIMEDOUT : -ECANCELED;
}

}  // namespace

int block_until_ready(poll_descriptor& d, direction dir, deadline until) noexcept {
    const short events = dir == direction::read ? POLLIN : POLLOUT;
    if (d.proto() == protocol::no_socket) {
        WEFT_ASSERT(!sched::on_coroutine(),
                    "a coroutine called a function that blocks; use its co_await form");
        return block_as_waiter(d, dir, events, until);
    }
    return std::min(block_until_event(d.fd(), events, until, &d), 0);
}

int wait_until_ready(poll_descriptor& d, direction dir, deadline until) noexcept {
    if (sched::on_fiber()) {
        return park_until_ready(d, dir, until);
    }
    const int error = block_until_ready(d, dir, until);
    if (error == 0) {
        d.mark_ready(dir);
    }
    return error;
}

int sleep_until(deadline until) noexcept {
    sched::cancellable_wait wait(until);
    wait.who.prepare();
    if (wait.park() == sched::wake_reason::cancelled) {
        return -ECANCELED;
    }
    return wait.until() < until ? -ETIMEDOUT : 0;
}

int events_now(int fd, short events) noexcept {
    pollfd wanted{.fd = fd, .events = events, .revents = 0};
    while (::poll(&wanted, 1, 0) < 0) {
        if (errno != EINTR) {
            return -errno;
        }
    }
    return (wanted.revents & POLLNVAL) != 0 || fd < 0 ? -EBADF : wanted.revents;
}

namespace {

/// Does not look whether there is something already.
int park_until_event(int fd, short events, deadline until) noexcept {
    sched::cancellable_wait wait(until);
    if (wait.until().expired()) {
        return -ETIMEDOUT;
    }
    fd_poller& poller = netpoll::current()->fds();
    fd_wait place(wait.who, fd, events);
    wait.who.prepare();
    if (const int error = poller.add(place)) {
        wait.who.abandon();
        return error == EPERM ? always_ready(place.events) : -error;
    }
    const sched::wake_reason reason = wait.park();
    return poller.finish(place, reason);
}

}  // namespace

int wait_for_event(int fd, short events, deadline until) noexcept {
    const bool on_fiber = sched::on_fiber();
    WEFT_ASSERT(!sched::on_coroutine(),
                "a coroutine called a function that blocks; use its co_await form");
    const int ready = events_now(fd, events);
    if (ready != 0) {
        if (on_fiber) {
            let_others_run();
        }
        return ready;
    }
    if (!on_fiber) {
        const int got = block_until_event(fd, events, until, nullptr);
        return got > 0 && (got & POLLNVAL) != 0 ? -EBADF : got;
    }
    const int got = park_until_event(fd, events, until);
    if (got != -ETIMEDOUT) {
        return got;
    }
    // The poller may not have looked for a while.
    const int last = events_now(fd, events);
    return last != 0 ? last : got;
}

void let_others_run(poll_descriptor& d) noexcept {
    if (d.has_run_long()) [[unlikely]] {
        sched::yield();
    }
}

void let_others_run() noexcept {
    if (netpoll::current()->fds().has_run_long()) [[unlikely]] {
        sched::yield();
    }
}

}  // namespace weft::io
