// SPDX-License-Identifier: Apache-2.0
//
// Fibers: user-space threads. weft::fiber mirrors std::jthread; weft::this_fiber mirrors
// std::this_thread.
//
//     weft::fiber f = weft::spawn([] { ... });    // on the runtime that runs the caller
//     f.join();                                   // rethrows what left the callable
//
// A fiber may go on on another kernel thread after any call that can wait. Do not keep the address
// of a thread_local across such a call. A std::mutex may be held across one where fibers are
// preempted (runtime_options::preempt): who blocks on it is moved aside. weft::mutex may anywhere,
// at a lower price. Neither a std::recursive_mutex: it belongs to a kernel thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <iosfwd>
#include <memory>
#include <new>
#include <stop_token>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

#include <weft/detail/cancel_scope.h>
#include <weft/error.h>
#include <weft/time.h>

namespace weft {

class fiber_group;
class runtime;
class scope;

namespace sched {
class fiber_block;
class scheduler;
enum class start_action : std::uint8_t;
}  // namespace sched

namespace coro {
class join_awaiter;
}

/// What a fiber is started with. All may be left out.
struct fiber_options {
    /// Shown in reports of overflows, crashes and failed assertions. Copied.
    std::string_view name = {};
    /// Bytes of address space for its stack, with the guard page; 0: the runtime's default. Rounded
    /// up to a power of two. Memory is used only for the pages that are touched.
    std::size_t stack_size = 0;
    /// Its weight against other fibers, from -20 (the most) to 19, as nice(1): each step is worth
    /// about a tenth of the CPU. Others are clamped. Nothing under runtime_options::fifo.
    int nice = 0;
    /// CPU time that it may use at a stretch while others wait, from 0.1 ms to 100 ms; 0: the
    /// runtime's (runtime_options::slice, where more is said). Others are clamped. It does not
    /// change how much a fiber gets, but in how large parts.
    std::chrono::nanoseconds slice{0};
    /// The group that it is in, of the same runtime (weft/fiber_group.h). Null: that of the fiber
    /// that starts it, if it is of the same runtime, else none.
    const fiber_group* group = nullptr;
};

namespace detail {

inline constexpr std::size_t start_storage_size = 40;

struct new_fiber {
    sched::fiber_block* block;
    void* storage;  ///< start_storage_size bytes, 8-byte aligned
};

/// Throws std::bad_alloc. `owner` null: the runtime that runs the caller.
new_fiber create_fiber(const fiber_options& options, sched::scheduler* owner);
void launch_fiber(sched::fiber_block& block, sched::scheduler* owner,
                  void (*start)(sched::start_action, void*)) noexcept;

template <class Callable>
inline constexpr bool stored_inline =
    sizeof(Callable) <= start_storage_size && alignof(Callable) <= 8 &&
    std::is_nothrow_move_constructible_v<Callable>;

/// For a callable that has a not_started(no_stack): that is called, on a worker's own stack, if
/// there is no stack for its fiber. Others just end then.
struct no_stack {};

template <class Callable>
void run_or_end(sched::start_action action, Callable& callable) {
    if (static_cast<std::uint8_t>(action) == 0) {
        std::move(callable)();
    } else if constexpr (requires { callable.not_started(no_stack{}); }) {
        callable.not_started(no_stack{});
    }
}

/// Runs or destroys the callable in `storage` and leaves the storage zeroed, because the fiber's
/// links lie there from then on. start_action: 0 run, 1 destroy.
template <class Callable>
void start_stored(sched::start_action action, void* storage) {
    if constexpr (stored_inline<Callable>) {
        auto* const stored = std::launder(static_cast<Callable*>(storage));
        Callable callable(std::move(*stored));
        stored->~Callable();
        std::memset(storage, 0, start_storage_size);
        run_or_end(action, callable);
    } else {
        std::unique_ptr<Callable> callable(*static_cast<Callable**>(storage));
        std::memset(storage, 0, start_storage_size);
        run_or_end(action, *callable);
    }
}

template <class Callable>
sched::fiber_block* start_fiber(const fiber_options& options, sched::scheduler* owner,
                                Callable&& callable) {
    using stored = std::decay_t<Callable>;
    if constexpr (stored_inline<stored>) {
        // Moving cannot throw; copying may, and then must do so before there is a block.
        stored copy(std::forward<Callable>(callable));
        const new_fiber fresh = create_fiber(options, owner);
        ::new (fresh.storage) stored(std::move(copy));
        launch_fiber(*fresh.block, owner, &start_stored<stored>);
        return fresh.block;
    } else {
        auto copy = std::make_unique<stored>(std::forward<Callable>(callable));
        const new_fiber fresh = create_fiber(options, owner);
        *static_cast<stored**>(fresh.storage) = copy.release();
        launch_fiber(*fresh.block, owner, &start_stored<stored>);
        return fresh.block;
    }
}

}  // namespace detail

class fiber;
namespace this_fiber {
struct id_access;
}

/// Owns a running fiber, as std::jthread owns a thread: its destructor requests a stop and joins.
/// A handle must not outlive its runtime. Not thread-safe itself; move-only.
class fiber {
public:
    /// Unique within a runtime, never reused; the default value is nobody's.
    class id {
    public:
        /// Nobody's.
        id() noexcept = default;
        auto operator<=>(const id&) const noexcept = default;
        /// A number to be shown; 0: nobody's.
        [[nodiscard]] std::uint64_t value() const noexcept { return value_; }

        /// Writes the number.
        template <class Char, class Traits>
        friend std::basic_ostream<Char, Traits>& operator<<(std::basic_ostream<Char, Traits>& out,
                                                            id value) {
            return out << value.value_;
        }

    private:
        friend class fiber;
        friend struct this_fiber::id_access;
        explicit id(std::uint64_t value) noexcept : value_(value) {}
        std::uint64_t value_ = 0;
    };

    /// None: not joinable().
    fiber() noexcept = default;

    /// Runs `callable(args...)`, or `callable(stop_token, args...)` if it takes one, on a new fiber
    /// of the runtime that runs the caller. Arguments are copied or moved, as by std::jthread. If
    /// it takes a token, a stop also ends each wait in it that can report
    /// std::errc::operation_canceled; see <weft/scope.h>.
    /// Throws std::bad_alloc, or what copying throws. Only on a runtime: asserts elsewhere.
    template <class Callable, class... Args>
        requires(!std::is_same_v<std::remove_cvref_t<Callable>, fiber> &&
                 !std::is_same_v<std::remove_cvref_t<Callable>, fiber_options>)
    explicit fiber(Callable&& callable, Args&&... args)
        : fiber(fiber_options{}, std::forward<Callable>(callable), std::forward<Args>(args)...) {}

    /// The same with options, which are copied.
    template <class Callable, class... Args>
    explicit fiber(const fiber_options& options, Callable&& callable, Args&&... args) {
        start(options, nullptr, std::forward<Callable>(callable), std::forward<Args>(args)...);
    }

    /// What was moved from is not joinable().
    fiber(fiber&& other) noexcept
        : block_(std::exchange(other.block_, nullptr)),
          stop_source_(std::exchange(other.stop_source_, std::stop_source(std::nostopstate))) {}

    /// Requests a stop of its own fiber and joins it first, as std::jthread does.
    fiber& operator=(fiber&& other) noexcept {
        if (this != &other) {
            end();
            block_ = std::exchange(other.block_, nullptr);
            stop_source_ = std::exchange(other.stop_source_, std::stop_source(std::nostopstate));
        }
        return *this;
    }

    fiber(const fiber&) = delete;
    fiber& operator=(const fiber&) = delete;

    /// Requests a stop and joins; an exception of the fiber that nobody took terminates. In a
    /// coroutine, which cannot block, it must have been joined or detached by then.
    ~fiber() { end(); }

    /// Whether it owns a fiber, which may have ended: not joined, detached or moved away.
    [[nodiscard]] bool joinable() const noexcept { return block_ != nullptr; }

    /// Waits until the fiber has ended, then rethrows the exception that left it, if any. From a
    /// fiber or a plain thread (a coroutine: `co_await co::join(f)`); asserts if not joinable() or
    /// called by the fiber itself.
    void join();

    /// Lets the fiber go on on its own. An exception that leaves it then terminates the process.
    void detach() noexcept;

    /// Of the fiber; nobody's if not joinable().
    [[nodiscard]] id get_id() const noexcept;

    /// Valid if the callable takes a stop token; otherwise it has no state to request a stop of.
    [[nodiscard]] std::stop_source get_stop_source() const noexcept { return stop_source_; }
    /// The token that the callable got; without state if it takes none.
    [[nodiscard]] std::stop_token get_stop_token() const noexcept {
        return stop_source_.get_token();
    }
    /// Asks the fiber to end: its token says so, and its waits end with
    /// std::errc::operation_canceled. Does not wait. False if that was requested before or the
    /// callable takes no token. Beside anything but moving and destroying.
    bool request_stop() noexcept {
        return stop_source_.stop_possible() && sched::request_stop(stop_source_);
    }

    void swap(fiber& other) noexcept {
        std::swap(block_, other.block_);
        std::swap(stop_source_, other.stop_source_);
    }
    friend void swap(fiber& a, fiber& b) noexcept { a.swap(b); }

    /// How many threads this process can run at a time: std::thread::hardware_concurrency(), 0 if
    /// that is unknown. A runtime has its own number of workers (runtime::workers()).
    [[nodiscard]] static unsigned hardware_concurrency() noexcept;

private:
    friend class runtime;
    friend class scope;
    friend class coro::join_awaiter;

    template <class Callable, class... Args>
    void start(const fiber_options& options, sched::scheduler* owner, Callable&& callable,
               Args&&... args) {
        using function = std::decay_t<Callable>;
        if constexpr (std::is_invocable_v<function, std::stop_token, std::decay_t<Args>...>) {
            stop_source_ = std::stop_source();
            block_ = detail::start_fiber(
                options, owner,
                [fn = function(std::forward<Callable>(callable)), token = stop_source_.get_token(),
                 tuple = std::tuple<std::decay_t<Args>...>(std::forward<Args>(args)...)]() mutable {
                    const sched::cancel_scope stoppable(token, deadline::never());
                    std::apply(
                        [&](auto&... unpacked) {
                            std::invoke(std::move(fn), std::move(token), std::move(unpacked)...);
                        },
                        tuple);
                });
        } else if constexpr (sizeof...(Args) == 0) {
            static_assert(std::is_invocable_v<function>,
                          "a fiber's callable must take no argument");
            block_ = detail::start_fiber(options, owner, std::forward<Callable>(callable));
        } else {
            block_ = detail::start_fiber(
                options, owner,
                [fn = function(std::forward<Callable>(callable)),
                 tuple = std::tuple<std::decay_t<Args>...>(std::forward<Args>(args)...)]() mutable {
                    std::apply(
                        [&](auto&... unpacked) {
                            std::invoke(std::move(fn), std::move(unpacked)...);
                        },
                        tuple);
                });
        }
    }

    void end() noexcept {
        if (block_ != nullptr) {
            request_stop();
            join();
        }
    }

    sched::fiber_block* block_ = nullptr;
    std::stop_source stop_source_{std::nostopstate};
};

/// Starts `callable()` on a new fiber of the runtime that runs the caller; see weft::fiber.
template <class Callable, class... Args>
    requires(!std::is_same_v<std::remove_cvref_t<Callable>, fiber_options>)
[[nodiscard]] fiber spawn(Callable&& callable, Args&&... args) {
    return fiber(std::forward<Callable>(callable), std::forward<Args>(args)...);
}

/// The same with options.
template <class Callable, class... Args>
[[nodiscard]] fiber spawn(const fiber_options& options, Callable&& callable, Args&&... args) {
    return fiber(options, std::forward<Callable>(callable), std::forward<Args>(args)...);
}

namespace this_fiber {

/// Lets whatever else is runnable on this worker run first, unless all of that has had more than
/// its share of the CPU and this fiber has not. On a plain thread: sched_yield().
void yield() noexcept;

/// Waits until `when`; on a fiber other fibers run meanwhile. Never early; late by at most 66 us
/// (one tick of the timer wheel) plus the time until a worker is free: it looks after its timers
/// each 50 us or, where fibers run for longer than that without waiting, between a few of them.
/// What bounds the caller (<weft/scope.h>) ends it earlier: std::errc::operation_canceled or
/// std::errc::timed_out.
result<void> sleep_until(deadline when) noexcept;

/// The same for a moment of any clock; of another one than weft::clock it is converted now
/// (deadline::at()).
template <class Clock, class Duration>
result<void> sleep_until(const std::chrono::time_point<Clock, Duration>& when) {
    return sleep_until(deadline::at(when));
}

/// Waits for `duration` from now.
template <class Rep, class Period>
result<void> sleep_for(std::chrono::duration<Rep, Period> duration) {
    return sleep_until(deadline(duration));
}

/// The nice value of the running fiber; see fiber_options. 0 on a plain thread, where setting it
/// does nothing.
int nice() noexcept;
/// Another nice value from now on, clamped to -20 and 19.
void set_nice(int nice) noexcept;

/// The slice of the running fiber from now on; see fiber_options. Throws std::bad_alloc. Nothing on
/// a plain thread.
void set_slice(std::chrono::nanoseconds slice);

/// For loops that compute for long: lets others run if this fiber has had its slice, else costs 2
/// ns. A fiber that calls it often is not preempted by a signal, which costs microseconds and a
/// kernel thread. Where preemption is off it reads a clock (25 ns) and yields once a slice. Nothing
/// in coroutines, which have `co_await co::yield()`, on plain threads and within blocking().
void checkpoint() noexcept;

/// Of the running fiber; nobody's on a plain thread.
fiber::id get_id() noexcept;

/// Of the running fiber; empty if it has none and on a plain thread. Valid until the fiber ends.
std::string_view name() noexcept;

}  // namespace this_fiber

}  // namespace weft

template <>
struct std::hash<weft::fiber::id> {
    std::size_t operator()(const weft::fiber::id& id) const noexcept {
        return std::hash<std::uint64_t>()(id.value());
    }
};
