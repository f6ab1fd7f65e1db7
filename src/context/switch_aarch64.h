// SPDX-License-Identifier: Apache-2.0
//
// The switch for AArch64, AAPCS64. What lies at a saved stack pointer, upwards:
//
//     0  address to jump to          8  x29, the frame pointer
//    16  FPCR                       24  for a new context: its entry function
//
// There is no red zone. x29 is kept by hand because it cannot be declared lost where it is the
// frame pointer; x19 to x28, x30 and d8 to d15 are kept by the compiler, as far as they are live.
#pragma once

#include <cstdint>

namespace weft::context {

extern "C" void weft_context_entry();  // entry_aarch64.S

#if WEFT_SAVE_FP_CONTROL
#define WEFT_SAVE_FP     \
    "mrs  x11, fpcr\n\t" \
    "str  x11, [sp, #16]\n\t"
#define WEFT_LOAD_FP          \
    "ldr  x12, [x2, #16]\n\t" \
    "cmp  x11, x12\n\t"       \
    "b.eq 2f\n\t"             \
    "msr  fpcr, x12\n"        \
    "2:\n\t"
#else
#define WEFT_SAVE_FP ""
#define WEFT_LOAD_FP ""
#endif

[[gnu::always_inline]] inline void* switch_context(context& from, const context& to,
                                                   void* value) noexcept {
    register void* result asm("x0") = value;
    register void** save asm("x1") = &from.stack_pointer;
    register void* target asm("x2") = to.stack_pointer;
    // hint #36 is `bti j`, a landing pad for the jump where branch targets are checked.
    asm volatile(
        "sub  sp, sp, #32\n\t"
        "adr  x9, 1f\n\t"
        "stp  x9, x29, [sp]\n\t" WEFT_SAVE_FP WEFT_LOAD_FP
        "mov  x10, sp\n\t"
        "str  x10, [x1]\n\t"
        "ldp  x9, x29, [x2]\n\t"
        "mov  sp, x2\n\t"
        "br   x9\n"
        "1:\n\t"
        "hint #36\n\t"
        "add  sp, sp, #32\n\t"
        : "+r"(result), "+r"(save), "+r"(target)
        :
        : "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15", "x16",
          "x17", "x18", "x19", "x20", "x21", "x22", "x23", "x24", "x25", "x26", "x27", "x28", "x30",
          "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8", "v9", "v10", "v11", "v12", "v13",
          "v14", "v15", "v16", "v17", "v18", "v19", "v20", "v21", "v22", "v23", "v24", "v25", "v26",
          "v27", "v28", "v29", "v30", "v31",
#if defined(__ARM_FEATURE_SVE)
          "p0", "p1", "p2", "p3", "p4", "p5", "p6", "p7", "p8", "p9", "p10", "p11", "p12", "p13",
          "p14", "p15",
#endif
          "cc", "memory");
    return result;
}

#undef WEFT_SAVE_FP
#undef WEFT_LOAD_FP

/// The word that a new context starts with, on a stack that goes from one to the next without a
/// switch. Written only where it differs: the write waits for all that was computed before.
inline void reset_fp_control() noexcept {
#if WEFT_SAVE_FP_CONTROL
    std::uint64_t fpcr = 0;
    asm volatile("mrs %0, fpcr" : "=r"(fpcr));
    if (fpcr != 0) {
        asm volatile("msr fpcr, %0" : : "r"(std::uint64_t{0}));
    }
#endif
}

/// `stack_top` is 16-byte aligned; a few dozen bytes below it are written. The new context starts
/// with the floating-point control word of the process start: round to nearest, nothing trapped.
inline context make_context(void* stack_top, entry_fn entry) noexcept {
    auto* const frame = static_cast<std::uint64_t*>(stack_top) - 4;
    frame[0] = reinterpret_cast<std::uint64_t>(&weft_context_entry);
    frame[1] = 0;  // x29: ends the chain of frame records
    frame[2] = 0;  // FPCR
    frame[3] = reinterpret_cast<std::uint64_t>(entry);
    return {frame};
}

}  // namespace weft::context
