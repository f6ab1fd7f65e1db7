// SPDX-License-Identifier: Apache-2.0
//
// cpu_tick: a signal for the kernel thread that has used some more CPU time. It is what preempts
// (docs/adr/0003).
//
// A timer of CPU time and not of time that passes: it costs nothing while the thread sleeps, and
// never interrupts a system call that sleeps, so EINTR does not leak. It rides on the kernel's tick
// (1 to 10 ms, 4 ms on most machines), which looks at it each time: asked for 4 ms it would come
// with every second tick, hence 2 ms.
//
// The signal is SIGURG, as in Go's runtime and for its reasons: it is ignored by default, debuggers
// pass it on without a word, and programs hardly use it. A handler that was there before gets what
// is not ours.
#pragma once

#include <pthread.h>
#include <time.h>

namespace weft::sched {

/// Made and destroyed on the thread that it is for.
class cpu_tick {
public:
    /// Called on the signal stack, with all signals blocked but those of faults.
    using handler = void (*)() noexcept;

    /// Without `on_tick`, or where the system refuses, it never comes.
    explicit cpu_tick(handler on_tick) noexcept;
    ~cpu_tick();
    cpu_tick(const cpu_tick&) = delete;
    cpu_tick& operator=(const cpu_tick&) = delete;

private:
    timer_t timer_{};
    bool made_ = false;
};

/// The same signal for another thread, from any thread. It must use CPU time now: a system call
/// that sleeps would end with EINTR.
void send_tick(pthread_t thread) noexcept;

}  // namespace weft::sched
