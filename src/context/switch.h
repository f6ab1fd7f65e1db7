// SPDX-License-Identifier: Apache-2.0
//
// Switching stacks. A context is what is left of something that does not run: its saved stack
// pointer; everything else lies on its stack.
//
//   switch_context(from, to, value)  saves the caller into `from`, goes on where `to` was saved and
//                                    returns there `value`. Not for a `to` that runs.
//   make_context(top, entry)         a context that will call entry(value) on an empty stack.
//
// The switch is inlined into its caller and ends in an indirect jump to a label of that very call
// site, not in `ret`: a `ret` to a place that was not called from there is mispredicted (8 to 9 ns
// against 1 to 2 ns measured for an inlined jump on the reference machine). The compiler is told
// that every register is lost, so it keeps only what is live, on the stack.
//
// What a switch keeps: the callee-saved registers and, unless WEFT_SAVE_FP_CONTROL is 0, the
// control words of the floating-point units, which the psABI counts among them too. They are loaded
// only where they differ: ldmxcsr and fldcw serialise, comparing costs a fraction of that.
// What it does not keep: signal masks, errno, thread-locals.
//
// A function that switches may go on on another kernel thread: it must not keep the address of a
// thread-local across the switch.
#pragma once

#ifndef WEFT_SAVE_FP_CONTROL
#define WEFT_SAVE_FP_CONTROL 1
#endif

namespace weft::context {

struct context {
    void* stack_pointer = nullptr;
};

/// Runs on a new stack with the value of the switch that started it; must never return.
using entry_fn = void (*)(void* value);

}  // namespace weft::context

#if defined(__x86_64__)
#include "context/switch_x86_64.h"
#elif defined(__aarch64__)
#include "context/switch_aarch64.h"
#else
#error "weft switches stacks on x86-64 and AArch64 only"
#endif
