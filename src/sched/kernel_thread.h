// SPDX-License-Identifier: Apache-2.0
//
// kernel_thread: a thread of the kernel that holds the role of a worker, and what stays with the
// thread whichever worker that is: its own stack (the base), the exceptions of that stack, what
// sanitizers know of it. After each switch the code on the base asks which worker it holds: today
// it is always the same one, but preemption is to move roles between kernel threads
// (docs/adr/0003).
#pragma once

#include "context/exception_state.h"
#include "context/sanitizer.h"
#include "context/switch.h"

namespace weft::sched {

class scheduler;
class worker;

class kernel_thread {
public:
    explicit kernel_thread(scheduler& owner) noexcept : owner_(owner) {}
    kernel_thread(const kernel_thread&) = delete;
    kernel_thread& operator=(const kernel_thread&) = delete;

    /// The body of the thread, on whose stack this lies: runs what is runnable on `role` until the
    /// scheduler stops.
    void run(worker& role) noexcept;

    [[nodiscard]] scheduler& owner() const noexcept { return owner_; }

private:
    friend class worker;

    scheduler& owner_;
    context::context base_;
    context::exception_state* exceptions_ = nullptr;
    [[no_unique_address]] context::sanitizer_context base_sanitizer_;
};

}  // namespace weft::sched
