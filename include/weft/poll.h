// SPDX-License-Identifier: Apache-2.0
//
// Waiting for descriptors that are not weft's: pipes, pidfds, eventfds, inotify, a socket of a C
// library. Anything that poll(2) can wait for. weft::socket and its like do this by themselves.
//
//     while (!ares_done) {
//         if (const auto ready = weft::wait_readable(fd, 5s)) {
//             ares_process_fd(channel, fd, ARES_SOCKET_BAD);
//         }
//     }
//
// On a fiber a call that must wait parks the fiber; on a plain thread it blocks the thread;
// coroutines say `co_await co::wait_readable(fd)`. "Readable" means, as in poll(2), that a read
// would not wait: at the end of a stream and after an error it is, too. The descriptor should be in
// non-blocking mode, because somebody else may have read by the time that the caller does.
//
// Errors: std::errc::timed_out, std::errc::operation_canceled, std::errc::bad_file_descriptor. What
// is ready already counts, also after the deadline.
//
// Thread safety. Any number of fibers, coroutines and threads may wait for the same descriptor, for
// the same and for other events; all of those that it is ready for go on. A descriptor should not
// be closed while somebody waits for it: weft does not see that, and the wait goes on to its
// deadline (or ends with std::errc::bad_file_descriptor, when somebody waits for the same number
// after it was used again). Nobody else is disturbed by that.
//
// Cost: a system call if it is ready, two if it must wait (three the first time), and one more for
// all that become ready at once. It takes no thread and no memory.
#pragma once

#include <coroutine>
#include <cstdint>

#include <weft/detail/cancel_scope.h>
#include <weft/error.h>
#include <weft/task.h>
#include <weft/time.h>

namespace weft {

/// Waits until a read from `fd` would not wait.
result<void> wait_readable(int fd, deadline until = {});

/// Waits until a write to `fd` would not wait.
result<void> wait_writable(int fd, deadline until = {});

/// Waits until one of `events` comes (POLLIN, POLLOUT, POLLPRI, POLLRDHUP ..., see poll(2)) and
/// returns those that have; POLLERR and POLLHUP come unasked for.
result<short> poll(int fd, short events, deadline until = {});

namespace coro {

class event_awaiter {
public:
    event_awaiter(int fd, short events, deadline until) noexcept
        : fd_(fd), events_(events), until_(until) {}

    [[nodiscard]] bool await_ready() noexcept;
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> coroutine) noexcept {
        return start(coroutine, bounds_of(coroutine));
    }

protected:
    /// Events, or an errno value, negated.
    [[nodiscard]] int outcome() const noexcept { return outcome_; }
    [[nodiscard]] short events() const noexcept { return events_; }

private:
    class operation;

    bool start(std::coroutine_handle<> coroutine, const sched::cancel_bounds* bounds) noexcept;

    int fd_;
    short events_;
    int outcome_ = 0;
    deadline until_;
    suspension<184> suspension_;
};

class [[nodiscard]] ready_awaiter : public event_awaiter {
public:
    using event_awaiter::event_awaiter;
    result<void> await_resume() noexcept;
};

class [[nodiscard]] poll_awaiter : public event_awaiter {
public:
    using event_awaiter::event_awaiter;
    result<short> await_resume() noexcept;
};

}  // namespace coro

namespace co {

/// As weft::wait_readable.
coro::ready_awaiter wait_readable(int fd, deadline until = {}) noexcept;

/// As weft::wait_writable.
coro::ready_awaiter wait_writable(int fd, deadline until = {}) noexcept;

/// As weft::poll.
inline auto poll(int fd, short events, deadline until = {}) noexcept {
    return coro::poll_awaiter(fd, events, until);
}

}  // namespace co

}  // namespace weft
