// SPDX-License-Identifier: Apache-2.0
//
// Says which fiber overflowed its stack, instead of a bare "Segmentation fault".
//
// A fault on a guard page finds no stack to run a handler on, so each kernel thread that runs
// fibers owns a signal_stack. The handler asks a hook what runs on its kernel thread, reports, and
// returns with the former action in place: the instruction faults again, and the process ends (or
// the former handler goes on) with the registers and the signal of the true fault.
//
// Faults that are no overflow go to the handler that was there before, if there is one, unreported:
// it may know how to mend them. If there is none, the report names the fiber and the address.
#pragma once

#include <cstddef>

namespace weft::context {

struct stack_bounds {
    std::byte* base = nullptr;  ///< lowest address, where the guard begins
    std::size_t guard = 0;      ///< bytes
    std::size_t size = 0;       ///< with the guard
};

/// Fills in what stack runs on this kernel thread; false if it is the thread's own. Runs inside a
/// signal handler: async-signal-safe, and no thread-local that is allocated on first use.
using current_stack_fn = bool (*)(stack_bounds& bounds) noexcept;

/// Installed by the layer that knows fibers. Idempotent; the last one wins. Any thread.
void set_current_stack_hook(current_stack_fn fn) noexcept;

/// Handles SIGSEGV and SIGBUS. The first call of the process counts, later ones do nothing. Any
/// thread.
void install_overflow_handler() noexcept;

/// Gives the kernel thread that makes it a stack for signal handlers, unless it has one; made and
/// destroyed on the same thread. Where memory is out there is none, and an overflow ends the
/// process unreported.
class signal_stack {
public:
    signal_stack() noexcept;
    ~signal_stack();
    signal_stack(const signal_stack&) = delete;
    signal_stack& operator=(const signal_stack&) = delete;

private:
    std::byte* memory_ = nullptr;  // a guard page below
    std::size_t size_ = 0;
};

}  // namespace weft::context
