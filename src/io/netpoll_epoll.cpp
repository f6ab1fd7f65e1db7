// SPDX-License-Identifier: Apache-2.0
#include "io/netpoll_epoll.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>

#include <algorithm>
#include <limits>
#include <system_error>

#include <weft/errno.h>

#include "io/descriptor_slab.h"
#include "sched/current.h"

namespace weft::io {

namespace {

constexpr int most_events = 512;
constexpr std::uint64_t interrupt_key = ~std::uint64_t{0};
constexpr std::uint64_t tick_key = interrupt_key - 1;
constexpr std::uint64_t fds_key = interrupt_key - 2;
constexpr std::uint32_t reading = EPOLLIN | EPOLLRDHUP | EPOLLPRI | EPOLLET;

// How far ahead of the event being handled its successors' records and waiters are fetched. With
// 10,000 connections all of them are out of the cache.
constexpr int records_ahead = 6;
constexpr int waiters_ahead = 3;

std::uint32_t index_of(const epoll_event& event) noexcept {
    return static_cast<std::uint32_t>(event.data.u64);
}

std::uint32_t generation_of(const epoll_event& event) noexcept {
    return static_cast<std::uint32_t>(event.data.u64 >> 32);
}

int checked(int returned, const char* call) {
    if (returned < 0) {
        throw std::system_error(errno, std::generic_category(), call);
    }
    return returned;
}

}  // namespace

netpoll::netpoll()
    : epoll_(checked(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1")),
      event_(checked(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd")),
      timer_(
          checked(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK), "timerfd_create")),
      process_(::getpid()) {
    epoll_event event{.events = EPOLLIN | EPOLLET, .data = {.u64 = interrupt_key}};
    checked(::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, event_.get(), &event), "epoll_ctl");
    event.data.u64 = tick_key;
    checked(::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, timer_.get(), &event), "epoll_ctl");
    event.data.u64 = fds_key;
    checked(::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fds_.native_handle(), &event), "epoll_ctl");
}

netpoll::~netpoll() {
    // After this no descriptor refers to this netpoll. Its own fibers have ended, but those of
    // another runtime may wait for a socket that is registered here.
    descriptor_slab::instance().for_each(
        [this](poll_descriptor& descriptor) { descriptor.forget(*this); });
}

int netpoll::add(int fd, std::uint64_t key) noexcept {
    epoll_event event{.events = reading, .data = {.u64 = key}};
    return ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) == 0 ? 0 : errno;
}

int netpoll::add_writing(int fd, std::uint64_t key) noexcept {
    epoll_event event{.events = reading | EPOLLOUT, .data = {.u64 = key}};
    return ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event) == 0 ? 0 : errno;
}

void netpoll::remove(int fd) noexcept {
    if (::getpid() == process_) {
        ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
    }
}

netpoll* netpoll::current() noexcept {
    return static_cast<netpoll*>(sched::current_poller());
}

sched::poll_result netpoll::poll(base::nanoseconds_t deadline) noexcept {
    epoll_event events[most_events];
    int count = 0;
    if (deadline == 0) {
        count = ::epoll_wait(epoll_.get(), events, most_events, 0);
    } else {
        waiting_.fetch_add(1, base::seq_cst);
        const bool at_once = interrupted_.load(base::seq_cst);
        count =
            at_once ? ::epoll_wait(epoll_.get(), events, most_events, 0) : wait(events, deadline);
        waiting_.fetch_sub(1, base::seq_cst);
        if (at_once) {
            interrupted_.store(false, base::seq_cst);
        }
    }
    bool saw_interrupt = false;
    const sched::poll_result result = dispatch(events, count, saw_interrupt);
    if (saw_interrupt) [[unlikely]] {
        if (deadline != 0) {
            interrupted_.store(false, base::seq_cst);
        } else if (waiting_.load(base::seq_cst) != 0) {
            write_event();
        }
    }
    return result;
}

bool netpoll::is_ready() const noexcept {
    pollfd set{.fd = epoll_.get(), .events = POLLIN, .revents = 0};
    return ::poll(&set, 1, 0) > 0;
}

/// Edge-triggered: setting the timer anew makes the next expiration an edge, so nobody reads it.
void netpoll::tick_in(base::nanoseconds_t delay) noexcept {
    const itimerspec once{
        .it_interval = {},
        .it_value = {.tv_sec = delay / 1'000'000'000, .tv_nsec = delay % 1'000'000'000}};
    ::timerfd_settime(timer_.get(), 0, &once, nullptr);
}

sched::poll_result netpoll::dispatch(const epoll_event* events, int count,
                                     bool& saw_interrupt) noexcept {
    descriptor_slab& slab = descriptor_slab::instance();
    for (int i = 1; i < std::min(count, records_ahead); ++i) {
        __builtin_prefetch(slab.find(index_of(events[i])));
    }
    sched::poll_result result;
    for (int i = 0; i < count; ++i) {
        if (i + records_ahead < count) {
            __builtin_prefetch(slab.find(index_of(events[i + records_ahead])));
        }
        if (i + waiters_ahead < count) {
            if (const poll_descriptor* const d = slab.find(index_of(events[i + waiters_ahead]))) {
                __builtin_prefetch(d->likely_waiter(), 1);
            }
        }
        if (events[i].data.u64 >= fds_key) [[unlikely]] {
            saw_interrupt |= events[i].data.u64 == interrupt_key;
            result.ticked |= events[i].data.u64 == tick_key;
            if (events[i].data.u64 == fds_key) {
                result.woken += fds_.dispatch();
            }
            continue;
        }
        result.woken +=
            slab.find(index_of(events[i]))->notify(generation_of(events[i]), events[i].events);
    }
    return result;
}

/// epoll_wait with a deadline in nanoseconds where the kernel has that; never returns early without
/// a reason.
int netpoll::wait(epoll_event* events, base::nanoseconds_t deadline) noexcept {
    if (deadline == base::time_never) {
        return ::epoll_wait(epoll_.get(), events, most_events, -1);
    }
    const base::nanoseconds_t left = std::max<base::nanoseconds_t>(deadline - base::now_ns(), 0);
    if (!no_pwait2_.load(base::relaxed)) {
        const timespec timeout{.tv_sec = left / 1'000'000'000, .tv_nsec = left % 1'000'000'000};
        const int count = ::epoll_pwait2(epoll_.get(), events, most_events, &timeout, nullptr);
        if (count >= 0 || errno == EINTR) {
            return count;
        }
        // Kernels before 5.11 have none; some containers' filters answer EPERM.
        no_pwait2_.store(true, base::relaxed);
    }
    const base::nanoseconds_t milliseconds = (left + 999'999) / 1'000'000;
    return ::epoll_wait(epoll_.get(), events, most_events,
                        static_cast<int>(std::min<base::nanoseconds_t>(
                            milliseconds, std::numeric_limits<int>::max())));
}

void netpoll::interrupt() noexcept {
    if (interrupted_.exchange(true, base::seq_cst)) {
        return;
    }
    if (waiting_.load(base::seq_cst) != 0) {
        write_event();
    }
}

void netpoll::write_event() noexcept {
    const int saved = errno;
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(event_.get(), &one, sizeof one);
    errno = saved;
}

}  // namespace weft::io
