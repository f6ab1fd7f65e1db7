// SPDX-License-Identifier: Apache-2.0
//
// blocking: for calls that block in the kernel, or in a lock that is not weft's, and of which weft
// knows nothing: getaddrinfo(), fsync(), a client library of a database.
//
//     const auto found = weft::blocking([&] { return ::getaddrinfo(host, port, &hints, &list); });
//
// It runs where it is called, on the same stack and kernel thread, but another kernel thread takes
// the place of this one on its worker first. Without it others go on, too, but only once the
// runtime has noticed that the worker stands still, after up to 20 ms, and only with
// runtime_options::preempt.
//
// pinned: for code that must stay on one kernel thread, such as a library that keeps its state in
// thread-locals across calls that wait.
//
//     weft::pinned([&] { talk_by_a_library_with_thread_locals(peer); });
#pragma once

#include <functional>
#include <type_traits>
#include <utility>

namespace weft {

namespace detail {

class blocking_scope {
public:
    enum class patience : bool { brief, long_enough };
    explicit blocking_scope(patience for_spare = patience::brief) noexcept;
    ~blocking_scope();
    blocking_scope(const blocking_scope&) = delete;
    blocking_scope& operator=(const blocking_scope&) = delete;

private:
    bool aside_ = false;
};

class pinned_scope {
public:
    pinned_scope();
    ~pinned_scope();
    pinned_scope(const pinned_scope&) = delete;
    pinned_scope& operator=(const pinned_scope&) = delete;

private:
    blocking_scope aside_{blocking_scope::patience::long_enough};
    bool hides_ = false;  // this thread from the scheduler
    bool role_was_lost_ = false;
    const void* bounds_before_ = nullptr;
};

}  // namespace detail

/// Returns what `call()` returns and throws what it throws. While it runs it has a kernel thread
/// beside those of the workers, and uses CPU time that is not charged to the fiber. Costs about 10
/// us, so it is for calls that may take longer than that. A call of weft's that waits or yields,
/// made from within, ends that: what comes after it is run by the worker as usual.
///
/// It waits for a worker when the call has returned. So where fibers are not preempted no
/// std::mutex may be held across it: who blocks on that has the worker.
///
/// At most runtime_options::most_kernel_threads calls run beside the workers at a time; beyond
/// that a call blocks its worker. Kernel threads that nobody has needed for some seconds end, all
/// but a few. From a fiber, a coroutine or a plain thread, where it is just
/// called.
template <class Callable>
    requires std::is_invocable_v<Callable>
std::invoke_result_t<Callable> blocking(Callable&& call) {
    const detail::blocking_scope aside;
    return std::invoke(std::forward<Callable>(call));
}

/// As blocking(), and within it the caller is a plain thread to weft, too: what waits blocks the
/// kernel thread, on which all of `call` runs, while other fibers go on. What bounds the fiber, a
/// stop or a deadline, bounds the waits of weft's within (of a coroutine nothing does: bound them
/// there). All else is as on another thread: weft::spawn() has no runtime, this_fiber and
/// fiber_local are the thread's, whose values end with the call, and locks that the fiber has are a
/// stranger's: what is locked within is to be unlocked within, and what the fiber has locked is not
/// to be locked again.
///
/// Throws std::system_error, std::errc::resource_unavailable_try_again, if there is no kernel
/// thread to take the worker over: at most runtime_options::most_kernel_threads do. On a plain
/// thread, and within another pinned(), it is just a call.
template <class Callable>
    requires std::is_invocable_v<Callable>
std::invoke_result_t<Callable> pinned(Callable&& call) {
    const detail::pinned_scope stay;
    return std::invoke(std::forward<Callable>(call));
}

}  // namespace weft
