// SPDX-License-Identifier: Apache-2.0
//
// task<T>: a C++ coroutine that returns a T, on the same scheduler as fibers.
//
//     weft::task<int> answer() { co_await weft::co::sleep_for(1ms); co_return 42; }
//     weft::task<int> twice()  { co_return 2 * co_await answer(); }
//     int n = weft::spawn(twice()).join();        // on a fiber, or: co_await weft::spawn(...)
//
// A task is lazy: it runs when it is awaited, or spawned to run beside the caller, and once only.
// The awaiting coroutine goes on where the awaited one returned, without the scheduler in between;
// a chain of awaits does not grow the stack, however long. Exceptions leave through co_await and
// join(). A task that was started must finish before it is destroyed; co_await and spawn() see to
// that.
//
// A coroutine runs on its worker's own stack. It must not call what blocks: lock(), join(),
// socket::read() and their like assert there. Their awaitable forms are functions of weft::co, in
// <weft/co.h> or beside the blocking form; docs/coroutines.md lists them all. It may go on on
// another kernel thread after each co_await that waits.
//
// g++ 12 miscompiles a coroutine that declares no variable, in none of its blocks, and has a
// co_await in the condition of an if or of a loop: it hangs or traps when it is started. Name the
// awaited value first: `const auto n = co_await ...; if (n == 0) ...`.
//
// Frames come from pools of the library, not from operator new (see src/coro/frame_pool.h).
#pragma once

#include <concepts>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>
#include <variant>

#include <weft/detail/cancel_scope.h>
#include <weft/error.h>
#include <weft/time.h>
#include <weft/wait_group.h>

namespace weft {

namespace sched {
class scheduler;
}

template <class T = void>
class task;

template <class T = void>
class task_handle;

namespace coro {

void* allocate_frame(std::size_t size);
void free_frame(void* frame, std::size_t size) noexcept;

/// Returns to the loop that resumed the outermost coroutine on this stack, which then resumes
/// `next`; if there is no such loop, returns `next`.
std::coroutine_handle<> through_loop(std::coroutine_handle<> next) noexcept;

/// Where a suspended coroutine keeps what it waits for: one of the library's private types. It lies
/// in the awaiter, so in the coroutine's frame, and is made only when the coroutine has to wait.
template <std::size_t Size>
class suspension {
public:
    suspension() noexcept {}  // NOLINT(modernize-use-equals-default): leaves the bytes alone
    suspension(const suspension&) = delete;
    suspension& operator=(const suspension&) = delete;

    template <class Operation, class... Args>
    Operation& emplace(Args&&... args) noexcept {
        static_assert(sizeof(Operation) <= Size && alignof(Operation) <= alignof(suspension));
        static_assert(std::is_trivially_destructible_v<Operation>);
        return *::new (static_cast<void*>(bytes_)) Operation(std::forward<Args>(args)...);
    }

    template <class Operation>
    Operation& get() noexcept {
        return *std::launder(reinterpret_cast<Operation*>(bytes_));
    }

private:
    alignas(8) std::byte bytes_[Size];
};

/// `co_await` of a wait_group: true once all is done, false at the deadline.
class [[nodiscard]] wait_group_awaiter {
public:
    explicit wait_group_awaiter(wait_group& group, deadline until) noexcept
        : group_(&group), until_(until) {}

    [[nodiscard]] bool await_ready() const noexcept;
    bool await_suspend(std::coroutine_handle<> coroutine) noexcept {
        return start(coroutine, nullptr);
    }
    bool await_resume() noexcept { return outcome().has_value(); }

protected:
    bool start(std::coroutine_handle<> coroutine, const sched::cancel_bounds* bounds) noexcept;
    [[nodiscard]] result<void> outcome() noexcept;

private:
    wait_group* group_;
    deadline until_;
    bool waited_ = false;
    suspension<160> suspension_;
};

/// What bounds the waits of a coroutine; null: nothing does.
template <class Promise>
const sched::cancel_bounds* bounds_of(std::coroutine_handle<Promise> coroutine) noexcept;

/// The same until what bounds the coroutine ends it, too: a result<void>.
class [[nodiscard]] bounded_group_awaiter : private wait_group_awaiter {
public:
    using wait_group_awaiter::wait_group_awaiter;

    using wait_group_awaiter::await_ready;
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> coroutine) noexcept {
        return start(coroutine, bounds_of(coroutine));
    }
    result<void> await_resume() noexcept { return outcome(); }
};

/// A promise whose coroutine's frame comes from the pools.
struct pooled_frame {
    static void* operator new(std::size_t size) { return allocate_frame(size); }
    static void operator delete(void* frame, std::size_t size) noexcept { free_frame(frame, size); }
};

class promise_base : public pooled_frame {
public:
    promise_base() noexcept {}  // NOLINT(modernize-use-equals-default): see its members

    std::suspend_always initial_suspend() const noexcept { return {}; }
    auto final_suspend() const noexcept { return final_awaiter(); }

    /// Goes from `from` into this coroutine, which will go back there.
    template <class Promise>
    std::coroutine_handle<> enter(std::coroutine_handle<Promise> from,
                                  std::coroutine_handle<> self) noexcept {
        continuation_ = from;
        if constexpr (std::derived_from<Promise, promise_base>) {
            parent_ = &from.promise();
            transfers_ = parent_->transfers_;
        } else {
            parent_ = nullptr;
            transfers_ = 0;
        }
        bounds_ = bounds_of(from);
        return transfer(self);
    }

    /// What bounds the coroutine from now on, and those that it awaits from now on.
    void set_bounds(const sched::cancel_bounds* bounds) noexcept { bounds_ = bounds; }
    [[nodiscard]] const sched::cancel_bounds* bounds() const noexcept { return bounds_; }

    /// The one at the other end of the chain of tasks that wait for this one.
    [[nodiscard]] const promise_base* outermost() const noexcept {
        const promise_base* last = this;
        while (last->parent_ != nullptr) {
            last = last->parent_;
        }
        return last;
    }

private:
    struct final_awaiter {
        [[nodiscard]] bool await_ready() const noexcept { return false; }
        template <class Promise>
        std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> self) const noexcept {
            return self.promise().leave();
        }
        void await_resume() const noexcept {}
    };

    std::coroutine_handle<> leave() noexcept {
        if (parent_ != nullptr) {
            parent_->transfers_ = transfers_;
            return parent_->transfer(continuation_);
        }
        return transfer(continuation_);
    }

    // A compiler turns the returned handle into a jump only where it optimizes tail calls: not at
    // -O1 with GCC, not under its sanitizers. So every so many transfers in a row go through the
    // loop; that bounds the stack everywhere and costs nothing measurable where jumps are jumps.
    std::coroutine_handle<> transfer(std::coroutine_handle<> next) noexcept {
        constexpr unsigned most_in_a_row = 64;
        if (++transfers_ % most_in_a_row == 0) [[unlikely]] {
            return through_loop(next);
        }
        return next;
    }

    // All are set by enter(): what would set them twice takes a twentieth of a call.
    std::coroutine_handle<> continuation_;
    promise_base* parent_;
    const sched::cancel_bounds* bounds_;
    unsigned transfers_;
};

template <class Promise>
const sched::cancel_bounds* bounds_of(std::coroutine_handle<Promise> coroutine) noexcept {
    if constexpr (std::derived_from<Promise, promise_base>) {
        return coroutine.promise().bounds();
    } else {
        return nullptr;
    }
}

/// What left a coroutine: a value, an exception or, before its end, nothing.
template <class T>
class outcome {
    static constexpr bool is_reference = std::is_reference_v<T>;
    using stored = std::conditional_t<
        std::is_void_v<T>, std::monostate,
        std::conditional_t<is_reference, std::add_pointer_t<std::remove_reference_t<T>>,
                           std::remove_cv_t<T>>>;

public:
    outcome() noexcept {}  // NOLINT(modernize-use-equals-default): of a union
    outcome(const outcome&) = delete;
    outcome& operator=(const outcome&) = delete;
    ~outcome() { reset(); }

    /// Replaces what was there: after co_return a destructor may throw, and a handler may return
    /// anew.
    template <class U>
    void set_value(U&& value) {
        reset();
        if constexpr (is_reference) {
            std::construct_at(std::addressof(value_), std::addressof(static_cast<T>(value)));
        } else {
            std::construct_at(std::addressof(value_), std::forward<U>(value));
        }
        holds_ = holds::value;
    }
    void set_exception(std::exception_ptr exception) noexcept {
        reset();
        std::construct_at(std::addressof(exception_), std::move(exception));
        holds_ = holds::exception;
    }

    /// Moves it out. Once.
    T take() {
        if (holds_ == holds::exception) {
            std::rethrow_exception(std::exchange(exception_, nullptr));
        }
        if constexpr (is_reference) {
            return static_cast<T>(*value_);
        } else if constexpr (!std::is_void_v<T>) {
            return std::move(value_);
        }
    }

private:
    enum class holds : unsigned char { neither, value, exception };

    void reset() noexcept {
        const holds held = std::exchange(holds_, holds::neither);
        if (held == holds::exception) [[unlikely]] {
            std::destroy_at(std::addressof(exception_));
        } else if (held == holds::value) {
            std::destroy_at(std::addressof(value_));
        }
    }

    // Not a std::variant, which asks at each step what it held: a call takes ten nanoseconds.
    union {
        stored value_;
        std::exception_ptr exception_;
    };
    holds holds_ = holds::neither;
};

template <class T>
class promise_result {
public:
    template <class U = T>
        requires std::convertible_to<U, T>
    void return_value(U&& value) {
        outcome_.set_value(std::forward<U>(value));
    }
    void unhandled_exception() noexcept { outcome_.set_exception(std::current_exception()); }
    outcome<T>& result() noexcept { return outcome_; }

private:
    outcome<T> outcome_;
};

template <>
class promise_result<void> {
public:
    void return_void() noexcept {}
    void unhandled_exception() noexcept { outcome_.set_exception(std::current_exception()); }
    outcome<void>& result() noexcept { return outcome_; }

private:
    outcome<void> outcome_;
};

}  // namespace coro

/// A coroutine that has not begun. Move-only; not thread-safe. See the head of the file.
template <class T>
class [[nodiscard]] task {
public:
    class promise_type : public coro::promise_base, public coro::promise_result<T> {
    public:
        task get_return_object() noexcept {
            return task(std::coroutine_handle<promise_type>::from_promise(*this));
        }
    };

    /// What `co_await` of it returns.
    using value_type = T;

    /// None.
    task() noexcept = default;
    task(task&& other) noexcept : coroutine_(std::exchange(other.coroutine_, nullptr)) {}
    task& operator=(task&& other) noexcept {
        std::swap(coroutine_, other.coroutine_);
        return *this;
    }
    task(const task&) = delete;
    task& operator=(const task&) = delete;
    /// Destroys the coroutine if it was neither awaited nor spawned.
    ~task() {
        if (coroutine_) {
            coroutine_.destroy();
        }
    }

    /// Whether there is a coroutine to run.
    [[nodiscard]] explicit operator bool() const noexcept { return coroutine_ != nullptr; }

    /// Runs the task; the value or the exception is that of the task. `std::move(t)` for a
    /// variable, since a task runs only once.
    auto operator co_await() && noexcept { return awaiter{coroutine_}; }

private:
    struct awaiter {
        std::coroutine_handle<promise_type> coroutine;
        [[nodiscard]] bool await_ready() const noexcept { return false; }
        template <class Promise>
        std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> from) noexcept {
            return coroutine.promise().enter(from, coroutine);
        }
        T await_resume() { return coroutine.promise().result().take(); }
    };

    explicit task(std::coroutine_handle<promise_type> coroutine) noexcept : coroutine_(coroutine) {}

    std::coroutine_handle<promise_type> coroutine_;
};

namespace coro {

/// A spawned coroutine and what its handle shares with it; lies in the frame. The frame is freed by
/// whichever of the two lets go last.
class root_base : public pooled_frame {
public:
    root_base() = default;
    root_base(const root_base&) = delete;
    root_base& operator=(const root_base&) = delete;

    /// Makes it runnable. `owner` null: on the scheduler that runs the caller.
    void start(sched::scheduler* owner, std::coroutine_handle<> self);

    /// The handle lets go; an exception that nobody took then terminates the process.
    void let_go() noexcept;

    [[nodiscard]] wait_group& finished() noexcept { return finished_; }

    std::suspend_always initial_suspend() const noexcept { return {}; }
    auto final_suspend() const noexcept { return final_awaiter(); }

protected:
    ~root_base() = default;
    bool has_exception_ = false;  // nobody has taken it yet

private:
    struct final_awaiter {
        [[nodiscard]] bool await_ready() const noexcept { return false; }
        template <class Promise>
        void await_suspend(std::coroutine_handle<Promise> self) const noexcept {
            self.promise().finish();
        }
        void await_resume() const noexcept {}
    };

    void finish() noexcept;

    wait_group finished_{1};
    sched::scheduler* owner_ = nullptr;
    std::coroutine_handle<> self_;
    std::uint32_t released_ = 0;  // by whom: see task.cpp
    suspension<96> suspension_;   // for its first run
};

template <class T>
struct root {
    class promise_type : public root_base {
    public:
        root get_return_object() noexcept {
            return root{std::coroutine_handle<promise_type>::from_promise(*this)};
        }
        void return_void() noexcept {}
        void unhandled_exception() noexcept {
            has_exception_ = true;
            outcome_.set_exception(std::current_exception());
        }
        template <class... U>
        void set_value(U&&... value) {
            outcome_.set_value(std::forward<U>(value)...);
        }
        /// Once, when finished.
        T take() {
            has_exception_ = false;
            return outcome_.take();
        }

    private:
        outcome<T> outcome_;
    };

    std::coroutine_handle<promise_type> coroutine;
};

/// Gives a coroutine the reference to its own promise.
template <class Promise>
struct this_promise {
    Promise* promise = nullptr;
    [[nodiscard]] bool await_ready() const noexcept { return false; }
    bool await_suspend(std::coroutine_handle<Promise> self) noexcept {
        promise = &self.promise();
        return false;
    }
    Promise& await_resume() const noexcept { return *promise; }
};

template <class T>
root<T> run_root(task<T> body) {
    // The body's frame is freed here, however long the handle is kept.
    task<T> local = std::move(body);
    if constexpr (std::is_void_v<T>) {
        co_await std::move(local);
    } else {
        auto& self = co_await this_promise<typename root<T>::promise_type>();
        self.set_value(co_await std::move(local));
    }
}

/// Starts `body` on `owner`, or on the scheduler that runs the caller if that is null.
template <class T>
task_handle<T> spawn_on(sched::scheduler* owner, task<T> body);

}  // namespace coro

/// A spawned task. As std::jthread it joins when it ends, if nobody did; but in a coroutine, which
/// cannot block, it must have been awaited or detached by then. A handle must not outlive its
/// runtime. Not thread-safe itself; move-only.
template <class T>
class [[nodiscard]] task_handle {
public:
    /// None: not joinable().
    task_handle() noexcept = default;
    task_handle(task_handle&& other) noexcept
        : coroutine_(std::exchange(other.coroutine_, nullptr)) {}
    task_handle& operator=(task_handle&& other) noexcept {
        if (this != &other) {
            end();
            coroutine_ = std::exchange(other.coroutine_, nullptr);
        }
        return *this;
    }
    task_handle(const task_handle&) = delete;
    task_handle& operator=(const task_handle&) = delete;
    /// Joins, if nobody has joined, awaited or detached it.
    ~task_handle() { end(); }

    /// Whether it has a task, which may have ended: not joined, awaited, detached or moved away.
    [[nodiscard]] bool joinable() const noexcept { return coroutine_ != nullptr; }

    /// Waits until the task has ended; returns its value or throws its exception. From a fiber or a
    /// plain thread. Once.
    T join() {
        coroutine_.promise().finished().wait();
        const releaser at_end(*this);
        return coroutine_.promise().take();
    }

    /// As join(), for coroutines.
    auto operator co_await() noexcept {
        struct awaiter : coro::wait_group_awaiter {
            task_handle* handle;
            explicit awaiter(task_handle& h) noexcept
                : wait_group_awaiter(h.coroutine_.promise().finished(), deadline::never()),
                  handle(&h) {}
            T await_resume() {
                wait_group_awaiter::await_resume();
                const releaser at_end(*handle);
                return handle->coroutine_.promise().take();
            }
        };
        return awaiter(*this);
    }

    /// Lets the task go on on its own. An exception that leaves it then terminates the process.
    void detach() noexcept { std::exchange(coroutine_, nullptr).promise().let_go(); }

private:
    template <class U>
    friend task_handle<U> coro::spawn_on(sched::scheduler* owner, task<U> body);

    using promise = typename coro::root<T>::promise_type;

    struct releaser {
        explicit releaser(task_handle& h) noexcept : handle(h) {}
        releaser(const releaser&) = delete;
        releaser& operator=(const releaser&) = delete;
        ~releaser() { handle.detach(); }
        task_handle& handle;
    };

    explicit task_handle(std::coroutine_handle<promise> coroutine) noexcept
        : coroutine_(coroutine) {}

    void end() noexcept {
        if (coroutine_) {
            coroutine_.promise().finished().wait();
            detach();
        }
    }

    std::coroutine_handle<promise> coroutine_;
};

template <class T>
task_handle<T> coro::spawn_on(sched::scheduler* owner, task<T> body) {
    auto root = run_root(std::move(body));
    task_handle<T> handle(root.coroutine);
    root.coroutine.promise().start(owner, root.coroutine);
    return handle;
}

/// Runs `body` beside the caller, on the runtime that runs the caller; asserts elsewhere. Throws
/// std::bad_alloc if there is no memory for it.
template <class T>
task_handle<T> spawn(task<T> body) {
    return coro::spawn_on(nullptr, std::move(body));
}

/// On a fiber: runs `body` as a coroutine and waits for it.
template <class T>
T sync_wait(task<T> body) {
    return spawn(std::move(body)).join();
}

}  // namespace weft
