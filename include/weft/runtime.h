// SPDX-License-Identifier: Apache-2.0
//
// runtime: workers, their kernel threads, the poller. Everything hangs from it; several may live in
// one process.
//
//     int main() {
//         return weft::run([] { ...; return 0; });
//     }
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>

#include <weft/fiber.h>
#include <weft/stats.h>
#include <weft/task.h>

namespace weft {

namespace sched {
class scheduler;
}

/// What a runtime is made with. A table with more about each: docs/runtime.md.
struct runtime_options {
    /// Kernel threads that run fibers; 0: as many as CPUs that this process may use, or what the
    /// environment variable WEFT_WORKERS says.
    unsigned workers = 0;
    /// Bytes of address space for the stack of each fiber that asks for nothing else, with its
    /// guard page; rounded up to a power of two of at least 16 KiB.
    std::size_t stack_size = std::size_t{64} * 1024;
    /// Fibers run in the order in which they became runnable, instead of in that which gives each
    /// its share of the CPU.
    bool fifo = false;
    /// Whether a fiber or coroutine that computes, or blocks in the kernel, lets others run after
    /// a while. It stays on its kernel thread then, and another kernel thread takes its place. It
    /// may happen between any two instructions, so what fibers share wants a lock also where there
    /// is one worker. Uses SIGURG. Nothing where the system has no membarrier(2).
    bool preempt = true;
    /// CPU time that a fiber may use while others wait, from 0.1 ms to 100 ms. What it really gets
    /// ends with a tick of the kernel, 4 ms on most machines; slices below half of that, and any
    /// where others come and go beside one that computes, are timed by a thread of weft's, at a
    /// higher price.
    std::chrono::nanoseconds slice = std::chrono::milliseconds(3);
    /// Beside one for each worker: those that are spare, or hold a fiber that was preempted or
    /// blocks. Where no more are to be had a fiber is not preempted, except in favour of another
    /// that was.
    std::size_t most_kernel_threads = 256;
};

/// Thread-safe unless a method says otherwise.
class runtime {
public:
    /// Starts the workers. Throws std::system_error when the system refuses threads or descriptors,
    /// std::invalid_argument for options that make no sense.
    explicit runtime(const runtime_options& options = {});

    /// Waits until all fibers and coroutines have ended, then stops the workers. From a plain
    /// thread: asserts on a worker, of whatever runtime.
    ~runtime();

    runtime(const runtime&) = delete;
    runtime& operator=(const runtime&) = delete;

    /// Starts a fiber from anywhere. As weft::spawn, but on this runtime.
    template <class Callable, class... Args>
        requires(!std::is_same_v<std::remove_cvref_t<Callable>, fiber_options>)
    [[nodiscard]] fiber spawn(Callable&& callable, Args&&... args) {
        return spawn(fiber_options{}, std::forward<Callable>(callable),
                     std::forward<Args>(args)...);
    }

    /// The same with options.
    template <class Callable, class... Args>
    [[nodiscard]] fiber spawn(const fiber_options& options, Callable&& callable, Args&&... args) {
        fiber f;
        f.start(options, &get_scheduler(), std::forward<Callable>(callable),
                std::forward<Args>(args)...);
        return f;
    }

    /// Starts a coroutine from anywhere. As weft::spawn, but on this runtime.
    template <class T>
    [[nodiscard]] task_handle<T> spawn(task<T> body) {
        return coro::spawn_on(&get_scheduler(), std::move(body));
    }

    /// Runs `main()` on a fiber and returns what it returns, or throws what it throws. Other fibers
    /// may go on when it returns. From a plain thread.
    template <class Main>
    std::invoke_result_t<Main&> run(Main main) {
        using value = std::invoke_result_t<Main&>;
        const fiber_options options{.name = "main"};
        if constexpr (std::is_void_v<value>) {
            spawn(options, std::ref(main)).join();
        } else if constexpr (std::is_reference_v<value>) {
            std::add_pointer_t<std::remove_reference_t<value>> out = nullptr;
            spawn(options, [&] {
                value returned = main();
                out = std::addressof(returned);
            }).join();
            return static_cast<value>(*out);
        } else {
            std::optional<value> out;
            spawn(options, [&] { out.emplace(main()); }).join();
            return *std::move(out);
        }
    }

    /// A snapshot; the numbers need not be of the same moment.
    [[nodiscard]] runtime_stats stats() const;

    /// Gives the kernel the memory back of stacks that no fiber has needed since the last call, and
    /// the system's allocator that of coroutines' frames. Without it up to 1024 stacks and some
    /// 2000 frames of each size are kept. For a server, each second or so: 0.4 to 1.3 us for each
    /// such stack. Any thread.
    void trim() noexcept;

    /// How many workers it has: runtime_options::workers, or what that 0 stood for.
    [[nodiscard]] unsigned workers() const noexcept;

    /// For the library's own use.
    [[nodiscard]] sched::scheduler& get_scheduler() const noexcept;

private:
    struct parts;
    std::unique_ptr<parts> parts_;
};

/// Runs `main()` as the first fiber of a new runtime and returns its result (or throws its
/// exception) when it and all other fibers have ended. From a plain thread.
template <class Main>
std::invoke_result_t<Main&> run(const runtime_options& options, Main main) {
    runtime r(options);
    return r.run(std::move(main));
}

/// The same with the usual options.
template <class Main>
    requires(!std::is_same_v<std::remove_cvref_t<Main>, runtime_options>)
std::invoke_result_t<Main&> run(Main main) {
    return run(runtime_options{}, std::move(main));
}

}  // namespace weft
