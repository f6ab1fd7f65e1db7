// SPDX-License-Identifier: Apache-2.0
//
// The one thread-local of the scheduler and the only way to read it. Compilers keep the *address*
// of a thread-local in a register across a call, although the fiber may go on on another kernel
// thread after it; so the address is formed and read in one volatile assembler statement each time.
// Inline assembly and not a noinline function, because a yield costs less than two such calls.
#pragma once

namespace weft::sched {

class worker;

extern "C" {
// Initial-exec: one load from the thread's static block, no call into the dynamic loader.
extern thread_local constinit worker* weft_current_worker
    __attribute__((tls_model("initial-exec")));
}

[[gnu::always_inline]] inline worker* this_worker() noexcept {
    worker* result;
#if defined(__x86_64__)
    asm volatile(
        "movq weft_current_worker@gottpoff(%%rip), %0\n\t"
        "movq %%fs:(%0), %0"
        : "=r"(result));
#elif defined(__aarch64__)
    asm volatile(
        "adrp %0, :gottprel:weft_current_worker\n\t"
        "ldr  %0, [%0, :gottprel_lo12:weft_current_worker]\n\t"
        "mrs  x16, tpidr_el0\n\t"
        "ldr  %0, [x16, %0]"
        : "=&r"(result)
        :
        : "x16");
#endif
    return result;
}

}  // namespace weft::sched
