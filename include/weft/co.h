// SPDX-License-Identifier: Apache-2.0
//
// What a coroutine waits for: the awaitable forms of the calls that park a fiber.
//
//     weft::task<> echo(weft::socket& peer) {
//         std::array<std::byte, 1024> buffer;
//         for (;;) {
//             const auto n = co_await weft::co::read(peer, buffer, 30s);
//             if (!n || *n == 0 || !co_await weft::co::write(peer, std::span(buffer).first(*n)))
//             {
//                 co_return;
//             }
//         }
//     }
//
// Each function returns an awaiter: `co_await` it at once, in a task on a runtime; what it refers
// to (the socket, the buffer, the lock) must live until then. The object may be used by fibers,
// plain threads and other coroutines at the same time, as far as it allows that to fibers. A call
// that need not wait does not suspend, but for one in 64 on a socket, which lets others run. After
// a co_await that waits the coroutine may be on another kernel thread.
//
// Channels and select are in <weft/co_channel.h>, which this includes.
//
// Results and errors are those of the blocking form, named with each function.
#pragma once

#include <chrono>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <span>
#include <utility>

#include <weft/co_channel.h>
#include <weft/condition_variable.h>
#include <weft/error.h>
#include <weft/mutex.h>
#include <weft/semaphore.h>
#include <weft/socket.h>
#include <weft/task.h>
#include <weft/time.h>
#include <weft/wait_group.h>

namespace weft {

namespace coro {

class [[nodiscard]] yield_awaiter {
public:
    [[nodiscard]] bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> coroutine) noexcept;
    void await_resume() const noexcept {}

private:
    suspension<96> suspension_;
};

class sleep_awaiter {
public:
    explicit sleep_awaiter(deadline until) noexcept : until_(until) {}

    [[nodiscard]] bool await_ready() const noexcept { return false; }
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> coroutine) noexcept {
        return start(coroutine, bounds_of(coroutine));
    }
    result<void> await_resume() noexcept;

private:
    bool start(std::coroutine_handle<> coroutine, const sched::cancel_bounds* bounds) noexcept;

    deadline until_;
    bool slept_ = false;
    suspension<128> suspension_;
};

class [[nodiscard]] lock_awaiter {
public:
    explicit lock_awaiter(mutex& m) noexcept : mutex_(&m) {}

    [[nodiscard]] bool await_ready() noexcept { return mutex_->try_lock(); }
    bool await_suspend(std::coroutine_handle<> coroutine) noexcept;
    [[nodiscard]] std::unique_lock<mutex> await_resume() noexcept {
        return std::unique_lock(*mutex_, std::adopt_lock);
    }

private:
    mutex* mutex_;
    suspension<160> suspension_;
};

/// True: it has a token.
class [[nodiscard]] acquire_awaiter {
public:
    acquire_awaiter(sync::semaphore_base& semaphore, deadline until) noexcept
        : semaphore_(&semaphore), until_(until) {}

    [[nodiscard]] bool await_ready() noexcept { return semaphore_->try_acquire(); }
    bool await_suspend(std::coroutine_handle<> coroutine) noexcept;
    bool await_resume() noexcept;

private:
    sync::semaphore_base* semaphore_;
    deadline until_;
    bool waited_ = false;
    suspension<160> suspension_;
};

class [[nodiscard]] condition_awaiter {
public:
    condition_awaiter(condition_variable& cv, std::unique_lock<mutex>& lock,
                      deadline until) noexcept
        : condition_(&cv), lock_(&lock), until_(until) {}

    [[nodiscard]] bool await_ready() const noexcept { return false; }
    bool await_suspend(std::coroutine_handle<> coroutine) noexcept;
    cv_status await_resume() noexcept;

private:
    condition_variable* condition_;
    std::unique_lock<mutex>* lock_;
    deadline until_;
    suspension<208> suspension_;
};

enum class socket_call : std::uint8_t { read, write, accept };

/// What the calls on a socket share; src/coro/async_socket.cpp.
template <socket_call Call>
class socket_awaiter {
public:
    socket_awaiter(io::poll_descriptor* descriptor, void* data, std::size_t size,
                   deadline until) noexcept
        : descriptor_(descriptor),
          data_(static_cast<std::byte*>(data)),
          size_(size),
          until_(until) {}

    [[nodiscard]] bool await_ready() noexcept;
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> coroutine) noexcept {
        return start(coroutine, bounds_of(coroutine));
    }

protected:
    /// A count, a descriptor, or an errno value, negated.
    [[nodiscard]] std::int64_t outcome() const noexcept { return outcome_; }
    [[nodiscard]] io::poll_descriptor* descriptor() const noexcept { return descriptor_; }

private:
    class operation;

    bool start(std::coroutine_handle<> coroutine, const sched::cancel_bounds* bounds) noexcept;
    std::int64_t attempt() noexcept;
    void finish(std::int64_t outcome) noexcept;

    io::poll_descriptor* descriptor_;
    std::byte* data_;
    std::size_t size_;
    deadline until_;
    std::int64_t outcome_ = 0;
    bool finished_ = false;
    suspension<152> suspension_;
};

class [[nodiscard]] read_awaiter : public socket_awaiter<socket_call::read> {
public:
    read_awaiter(socket& from, std::span<std::byte> bytes, deadline until) noexcept;
    result<std::size_t> await_resume() noexcept;
};

class [[nodiscard]] write_awaiter : public socket_awaiter<socket_call::write> {
public:
    write_awaiter(socket& to, std::span<const std::byte> bytes, deadline until) noexcept;
    result<void> await_resume() noexcept;
};

class [[nodiscard]] accept_awaiter : public socket_awaiter<socket_call::accept> {
public:
    accept_awaiter(listener& from, deadline until) noexcept;
    result<socket> await_resume() noexcept;
};

}  // namespace coro

namespace co {

/// Lets whatever else is runnable on this worker run first.
inline auto yield() noexcept {
    return coro::yield_awaiter();
}

/// Waits until `when`. As this_fiber::sleep_until.
inline auto sleep_until(deadline when) noexcept {
    return coro::sleep_awaiter(when);
}

/// Waits for `duration` from now.
template <class Rep, class Period>
auto sleep_for(std::chrono::duration<Rep, Period> duration) {
    return coro::sleep_awaiter(deadline(duration));
}

/// Locks; the result is a std::unique_lock<mutex> that unlocks at its end.
inline auto lock(mutex& m) noexcept {
    return coro::lock_awaiter(m);
}

/// Takes a token. The result is true.
inline auto acquire(sync::semaphore_base& semaphore) noexcept {
    return coro::acquire_awaiter(semaphore, deadline::never());
}

/// Takes a token; false if none could be had until then.
inline auto try_acquire_until(sync::semaphore_base& semaphore, deadline until) noexcept {
    return coro::acquire_awaiter(semaphore, until);
}

/// Waits until all of `group` is done. The result is true.
inline auto wait(wait_group& group) noexcept {
    return coro::wait_group_awaiter(group, deadline::never());
}

/// As above; false if something was left to be done at that time.
inline auto wait_until(wait_group& group, deadline until) noexcept {
    return coro::wait_group_awaiter(group, until);
}

/// Unlocks `lock`, waits for a notification, locks it again. May return without a reason.
inline auto wait(condition_variable& cv, std::unique_lock<mutex>& lock) noexcept {
    return coro::condition_awaiter(cv, lock, deadline::never());
}

/// As above, until `until`: cv_status::timeout if that came first.
inline auto wait_until(condition_variable& cv, std::unique_lock<mutex>& lock,
                       deadline until) noexcept {
    return coro::condition_awaiter(cv, lock, until);
}

/// Waits until `satisfied()`, which is called under the lock.
template <class Predicate>
task<> wait(condition_variable& cv, std::unique_lock<mutex>& lock, Predicate satisfied) {
    while (!satisfied()) {
        co_await wait(cv, lock);
    }
}

/// As above, until `until`; whether `satisfied()` holds at the end.
template <class Predicate>
task<bool> wait_until(condition_variable& cv, std::unique_lock<mutex>& lock, deadline until,
                      Predicate satisfied) {
    while (!satisfied()) {
        // Not in the condition: see <weft/task.h> on g++ 12.
        const cv_status status = co_await wait_until(cv, lock, until);
        if (status == cv_status::timeout) {
            co_return satisfied();
        }
    }
    co_return true;
}

/// As socket::read.
inline auto read(socket& from, std::span<std::byte> bytes, deadline until = {}) noexcept {
    return coro::read_awaiter(from, bytes, until);
}

/// As socket::write: all of `bytes`.
inline auto write(socket& to, std::span<const std::byte> bytes, deadline until = {}) noexcept {
    return coro::write_awaiter(to, bytes, until);
}

/// As listener::accept.
inline auto accept(listener& from, deadline until = {}) noexcept {
    return coro::accept_awaiter(from, until);
}

/// As weft::connect.
task<result<socket>> connect(endpoint peer, deadline until = {});

}  // namespace co

}  // namespace weft
