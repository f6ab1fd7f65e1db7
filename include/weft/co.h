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
#include <concepts>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <shared_mutex>
#include <span>
#include <type_traits>
#include <utility>

#include <weft/buffered.h>
#include <weft/co_channel.h>
#include <weft/condition_variable.h>
#include <weft/datagram.h>
#include <weft/detail/sync_awaiters.h>
#include <weft/error.h>
#include <weft/latch.h>
#include <weft/mutex.h>
#include <weft/pipe.h>
#include <weft/poll.h>
#include <weft/semaphore.h>
#include <weft/shared_mutex.h>
#include <weft/socket.h>
#include <weft/task.h>
#include <weft/time.h>
#include <weft/wait_group.h>

namespace weft {

class fiber;

namespace sched {
class fiber_block;
}

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

class [[nodiscard]] join_awaiter {
public:
    explicit join_awaiter(fiber& f) noexcept : fiber_(&f) {}

    [[nodiscard]] bool await_ready() noexcept;
    bool await_suspend(std::coroutine_handle<> coroutine) noexcept;
    void await_resume();

private:
    fiber* fiber_;
    sched::fiber_block* block_ = nullptr;
    suspension<96> suspension_;
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
    suspension<160> suspension_;
};

class [[nodiscard]] read_awaiter : public socket_awaiter<socket_call::read> {
public:
    read_awaiter(socket& from, std::span<std::byte> bytes, deadline until) noexcept;
    read_awaiter(pipe_reader& from, std::span<std::byte> bytes, deadline until) noexcept;
    result<std::size_t> await_resume() noexcept;
};

class [[nodiscard]] write_awaiter : public socket_awaiter<socket_call::write> {
public:
    write_awaiter(socket& to, std::span<const std::byte> bytes, deadline until) noexcept;
    write_awaiter(pipe_writer& to, std::span<const std::byte> bytes, deadline until) noexcept;
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

/// The same for a moment of any clock, converted now (deadline::at()).
template <class Clock, class Duration>
auto sleep_until(const std::chrono::time_point<Clock, Duration>& when) {
    return coro::sleep_awaiter(deadline::at(when));
}

/// Waits for `duration` from now.
template <class Rep, class Period>
auto sleep_for(std::chrono::duration<Rep, Period> duration) {
    return coro::sleep_awaiter(deadline(duration));
}

/// As fiber::join: waits until the fiber has ended, then rethrows what left it.
inline auto join(fiber& f) noexcept {
    return coro::join_awaiter(f);
}

/// As task_handle::join: the task's value or exception. The same as `co_await handle`.
template <class T>
auto join(task_handle<T>& handle) noexcept {
    return handle.operator co_await();
}

/// Locks; the result is a std::unique_lock<Mutex> that unlocks at its end. `m` is a mutex or
/// timed_mutex.
template <class Mutex>
    requires std::same_as<Mutex, mutex> || std::same_as<Mutex, timed_mutex>
auto lock(Mutex& m) noexcept {
    using as = coro::as_lock<std::unique_lock<Mutex>>;
    return coro::sync_awaiter<coro::mutex_call<Mutex>, as>(m, {}, coro::bounded::no);
}

/// As lock(deadline); the result is a result<std::unique_lock<Mutex>>.
template <class Mutex>
    requires std::same_as<Mutex, mutex> || std::same_as<Mutex, timed_mutex>
auto lock(Mutex& m, deadline until) noexcept {
    using as = coro::as_lock_result<std::unique_lock<Mutex>>;
    return coro::sync_awaiter<coro::mutex_call<Mutex>, as>(m, until, coro::bounded::yes);
}

/// The same for a recursive_mutex or recursive_timed_mutex. Its owner is the task that was spawned,
/// with all that it awaits. Finding it costs a step for each task between the two.
template <std::derived_from<sync::recursive_mutex_base> Mutex>
auto lock(Mutex& m) noexcept {
    using as = coro::as_lock<std::unique_lock<Mutex>>;
    return coro::recursive_awaiter<as>(m, {}, coro::bounded::no);
}

/// As lock(deadline); the result is a result<std::unique_lock<Mutex>>.
template <std::derived_from<sync::recursive_mutex_base> Mutex>
auto lock(Mutex& m, deadline until) noexcept {
    using as = coro::as_lock_result<std::unique_lock<Mutex>>;
    return coro::recursive_awaiter<as>(m, until, coro::bounded::yes);
}

/// The same for a shared_mutex or shared_timed_mutex.
template <std::derived_from<shared_mutex> Mutex>
auto lock(Mutex& m) noexcept {
    using as = coro::as_lock<std::unique_lock<Mutex>>;
    return coro::sync_awaiter<coro::exclusive_call, as>(m, {}, coro::bounded::no);
}

/// As lock(deadline); the result is a result<std::unique_lock<Mutex>>.
template <std::derived_from<shared_mutex> Mutex>
auto lock(Mutex& m, deadline until) noexcept {
    using as = coro::as_lock_result<std::unique_lock<Mutex>>;
    return coro::sync_awaiter<coro::exclusive_call, as>(m, until, coro::bounded::yes);
}

/// Locks for reading; the result is a std::shared_lock<Mutex> that unlocks at its end.
template <std::derived_from<shared_mutex> Mutex>
auto lock_shared(Mutex& m) noexcept {
    using as = coro::as_lock<std::shared_lock<Mutex>>;
    return coro::sync_awaiter<coro::shared_call, as>(m, {}, coro::bounded::no);
}

/// As lock_shared(deadline); the result is a result<std::shared_lock<Mutex>>.
template <std::derived_from<shared_mutex> Mutex>
auto lock_shared(Mutex& m, deadline until) noexcept {
    using as = coro::as_lock_result<std::shared_lock<Mutex>>;
    return coro::sync_awaiter<coro::shared_call, as>(m, until, coro::bounded::yes);
}

/// As weft::call_once. What `callable(args...)` returns is awaited if it is a task.
template <class Callable, class... Args>
    requires std::invocable<Callable&, Args&...>
task<> call_once(once_flag& flag, Callable callable, Args... args) {
    sync::once_run run(flag);
    while (!run.is_done() && !run.try_begin()) {
        using awaiter = coro::sync_awaiter<coro::once_call, coro::as_nothing>;
        co_await awaiter(flag, {}, coro::bounded::no);
    }
    if (!run.is_done()) {
        if constexpr (coro::is_task<std::invoke_result_t<Callable&, Args&...>>) {
            co_await std::invoke(callable, args...);
        } else {
            std::invoke(callable, args...);
        }
        run.succeeded();
    }
}

/// As weft::call_once with a deadline.
template <class Callable, class... Args>
    requires std::invocable<Callable&, Args&...>
task<result<void>> call_once(once_flag& flag, deadline until, Callable callable, Args... args) {
    sync::once_run run(flag);
    while (!run.is_done() && !run.try_begin()) {
        using awaiter = coro::sync_awaiter<coro::once_call, coro::as_result>;
        const result<void> ended = co_await awaiter(flag, until, coro::bounded::yes);
        if (!ended) {
            co_return ended;
        }
    }
    if (!run.is_done()) {
        if constexpr (coro::is_task<std::invoke_result_t<Callable&, Args&...>>) {
            co_await std::invoke(callable, args...);
        } else {
            std::invoke(callable, args...);
        }
        run.succeeded();
    }
    co_return result<void>();
}

/// Takes a token. The result is true.
inline auto acquire(sync::semaphore_base& semaphore) noexcept {
    using awaiter = coro::sync_awaiter<coro::acquire_call, coro::as_true>;
    return awaiter(semaphore, {}, coro::bounded::no);
}

/// As acquire(deadline): a result<void>.
inline auto acquire(sync::semaphore_base& semaphore, deadline until) noexcept {
    using awaiter = coro::sync_awaiter<coro::acquire_call, coro::as_result>;
    return awaiter(semaphore, until, coro::bounded::yes);
}

/// Takes a token; false if none could be had until then, or until a stop.
inline auto try_acquire_until(sync::semaphore_base& semaphore, deadline until) noexcept {
    using awaiter = coro::sync_awaiter<coro::acquire_call, coro::as_bool>;
    return awaiter(semaphore, until, coro::bounded::yes);
}

/// Waits until all of `group` is done. The result is true.
inline auto wait(wait_group& group) noexcept {
    return coro::wait_group_awaiter(group, deadline::never());
}

/// As wait(deadline): a result<void>.
inline auto wait(wait_group& group, deadline until) noexcept {
    using awaiter = coro::sync_awaiter<coro::wait_group_call, coro::as_result>;
    return awaiter(group, until, coro::bounded::yes);
}

/// False if something was left to be done at that time, or at a stop.
inline auto wait_until(wait_group& group, deadline until) noexcept {
    using awaiter = coro::sync_awaiter<coro::wait_group_call, coro::as_bool>;
    return awaiter(group, until, coro::bounded::yes);
}

/// Waits until the latch is at zero.
inline auto wait(const latch& l) noexcept {
    using awaiter = coro::sync_awaiter<coro::latch_call, coro::as_nothing>;
    return awaiter(l, {}, coro::bounded::no);
}

/// As wait(deadline): a result<void>.
inline auto wait(const latch& l, deadline until) noexcept {
    using awaiter = coro::sync_awaiter<coro::latch_call, coro::as_result>;
    return awaiter(l, until, coro::bounded::yes);
}

/// Counts down now; the co_await waits.
inline auto arrive_and_wait(latch& l, std::ptrdiff_t n = 1) noexcept {
    l.count_down(n);
    return wait(l);
}

/// As arrive_and_wait(n, deadline): a result<void>. What was counted down stays so.
inline auto arrive_and_wait(latch& l, std::ptrdiff_t n, deadline until) noexcept {
    l.count_down(n);
    return wait(l, until);
}

/// Waits until the event is set.
inline auto wait(event& e) noexcept {
    using awaiter = coro::sync_awaiter<coro::event_call, coro::as_nothing>;
    return awaiter(e, {}, coro::bounded::no);
}

/// As wait(deadline): a result<void>.
inline auto wait(event& e, deadline until) noexcept {
    using awaiter = coro::sync_awaiter<coro::event_call, coro::as_result>;
    return awaiter(e, until, coro::bounded::yes);
}

/// Waits until the phase of `token` is complete.
template <class Completion>
auto wait(const barrier<Completion>& b, typename barrier<Completion>::arrival_token&& token) {
    using awaiter = coro::barrier_awaiter<coro::as_nothing>;
    return awaiter(b, std::move(token), {}, coro::bounded::no);
}

/// As wait(token, deadline): a result<void>. After a failure `token` can be waited for again.
template <class Completion>
auto wait(const barrier<Completion>& b, typename barrier<Completion>::arrival_token&& token,
          deadline until) {
    using awaiter = coro::barrier_awaiter<coro::as_result>;
    return awaiter(b, std::move(token), until, coro::bounded::yes);
}

/// Arrives now, and calls the completion if it is the last; the co_await waits.
template <class Completion>
auto arrive_and_wait(barrier<Completion>& b) {
    return wait(b, b.arrive());
}

/// As arrive_and_wait(deadline): a result<void>.
template <class Completion>
auto arrive_and_wait(barrier<Completion>& b, deadline until) {
    return wait(b, b.arrive(), until);
}

/// Unlocks `lock`, waits for a notification, locks it again. May return without a reason.
inline auto wait(condition_variable& cv, std::unique_lock<mutex>& lock) noexcept {
    using awaiter = coro::condition_awaiter<coro::condition_result::status>;
    return awaiter(cv, lock, {}, coro::bounded::no);
}

/// As above, until `until` or a stop: cv_status::timeout if that came first.
inline auto wait_until(condition_variable& cv, std::unique_lock<mutex>& lock,
                       deadline until) noexcept {
    using awaiter = coro::condition_awaiter<coro::condition_result::status>;
    return awaiter(cv, lock, until, coro::bounded::yes);
}

/// Waits until `satisfied()`, which is called under the lock.
template <class Predicate>
task<> wait(condition_variable& cv, std::unique_lock<mutex>& lock, Predicate satisfied) {
    while (!satisfied()) {
        co_await wait(cv, lock);
    }
}

/// As wait(lock, deadline, satisfied).
template <class Predicate>
task<result<void>> wait(condition_variable& cv, std::unique_lock<mutex>& lock, deadline until,
                        Predicate satisfied) {
    while (!satisfied()) {
        using awaiter = coro::condition_awaiter<coro::condition_result::error>;
        const result<void> notified = co_await awaiter(cv, lock, until, coro::bounded::yes);
        if (!notified) {
            co_return satisfied() ? result<void>() : notified;
        }
    }
    co_return result<void>();
}

/// Until `until` or a stop; whether `satisfied()` holds at the end.
template <class Predicate>
task<bool> wait_until(condition_variable& cv, std::unique_lock<mutex>& lock, deadline until,
                      Predicate satisfied) {
    // Not in the return: see <weft/task.h> on g++ 12.
    const result<void> ended = co_await wait(cv, lock, until, std::move(satisfied));
    co_return ended.has_value();
}

/// As socket::read.
inline auto read(socket& from, std::span<std::byte> bytes, deadline until = {}) noexcept {
    return coro::read_awaiter(from, bytes, until);
}

/// As socket::write: all of `bytes`.
inline auto write(socket& to, std::span<const std::byte> bytes, deadline until = {}) noexcept {
    return coro::write_awaiter(to, bytes, until);
}

/// As pipe_reader::read.
inline auto read(pipe_reader& from, std::span<std::byte> bytes, deadline until = {}) noexcept {
    return coro::read_awaiter(from, bytes, until);
}

/// As pipe_writer::write: all of `bytes`.
inline auto write(pipe_writer& to, std::span<const std::byte> bytes, deadline until = {}) noexcept {
    return coro::write_awaiter(to, bytes, until);
}

/// As listener::accept.
inline auto accept(listener& from, deadline until = {}) noexcept {
    return coro::accept_awaiter(from, until);
}

}  // namespace co

// For buffered_reader and buffered_writer.
inline auto async_read(socket& from, std::span<std::byte> bytes, deadline until) noexcept {
    return co::read(from, bytes, until);
}
inline auto async_write(socket& to, std::span<const std::byte> bytes, deadline until) noexcept {
    return co::write(to, bytes, until);
}
inline auto async_read(pipe_reader& from, std::span<std::byte> bytes, deadline until) noexcept {
    return co::read(from, bytes, until);
}
inline auto async_write(pipe_writer& to, std::span<const std::byte> bytes,
                        deadline until) noexcept {
    return co::write(to, bytes, until);
}

namespace co {

/// As weft::connect.
task<result<socket>> connect(endpoint peer, deadline until = {});

/// As socket::read_exactly.
task<result<void>> read_exactly(socket& from, std::span<std::byte> bytes, deadline until = {});

/// As pipe_reader::read_exactly.
task<result<void>> read_exactly(pipe_reader& from, std::span<std::byte> bytes, deadline until = {});

/// As socket::readv.
task<result<std::size_t>> readv(socket& from, std::span<const std::span<std::byte>> parts,
                                deadline until = {});

/// As socket::writev: all of the parts.
task<result<void>> writev(socket& to, std::span<const std::span<const std::byte>> parts,
                          deadline until = {});

/// As weft::send_file.
task<result<std::uint64_t>> send_file(socket& to, int file, std::uint64_t offset,
                                      std::uint64_t length, deadline until = {});

/// As weft::copy_stream.
task<result<std::uint64_t>> copy_stream(socket& from, socket& to, deadline until = {});

/// As socket::send_descriptors.
task<result<void>> send_descriptors(socket& to, std::span<const int> descriptors,
                                    std::span<const std::byte> bytes, deadline until = {});

/// As socket::receive_descriptors.
task<result<received_descriptors>> receive_descriptors(socket& from, std::span<std::byte> bytes,
                                                       deadline until = {});

}  // namespace co

}  // namespace weft
