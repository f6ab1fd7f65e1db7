// SPDX-License-Identifier: Apache-2.0
//
// The switch for x86-64, System V ABI. What lies at a saved stack pointer, upwards:
//
//     0  address to jump to          8  rbp
//    16  MXCSR (4 bytes)            20  x87 control word (2 bytes)
//    24  128 bytes of red zone, which belong to the function that was interrupted here
//
// rbp is kept by hand because it cannot be declared lost where it is the frame pointer.
//
// The stack pointer is moved below the red zone before anything is stored, since a signal handler
// may run on this stack at any instruction. Between that and the jump the unwind tables of the
// function around are off by these 152 bytes, as no directive can say "wherever the frame is": a
// profiler that interrupts one of these few instructions sees a wrong caller. Nothing unwinds from
// them otherwise, as they neither call nor throw.
//
// Shadow stacks (CET's SHSTK) are not switched: entry_x86_64.S lacks the note that would allow
// them, so the linker marks the whole program as one without.
#pragma once

#include <cstdint>

namespace weft::context {

extern "C" void weft_context_entry();  // entry_x86_64.S

#if WEFT_SAVE_FP_CONTROL
#define WEFT_SAVE_FP        \
    "stmxcsr 16(%%rsp)\n\t" \
    "fnstcw  20(%%rsp)\n\t"
// MXCSR is loaded without a look whether it differs: the load costs 0.5 ns (Zen 4), but to read
// what stmxcsr has just stored waits for that store, 2.4 ns. Its sticky flags go with the fiber,
// too.
#define WEFT_LOAD_FP               \
    "ldmxcsr 16(%%rsi)\n\t"        \
    "movzwl  20(%%rsp), %%ecx\n\t" \
    "cmpw    20(%%rsi), %%cx\n\t"  \
    "je      2f\n\t"               \
    "fldcw   20(%%rsi)\n"          \
    "2:\n\t"
#else
#define WEFT_SAVE_FP ""
#define WEFT_LOAD_FP ""
#endif

// Where indirect jumps are checked (CET's IBT) they must land on endbr64.
#if defined(__CET__) && (__CET__ & 1)
#define WEFT_LANDING "endbr64\n\t"
#else
#define WEFT_LANDING ""
#endif

[[gnu::always_inline]] inline void* switch_context(context& from, const context& to,
                                                   void* value) noexcept {
    void** save = &from.stack_pointer;
    void* target = to.stack_pointer;
    asm volatile(
        "leaq    -152(%%rsp), %%rsp\n\t"
        "leaq    1f(%%rip), %%rcx\n\t"
        "movq    %%rcx, (%%rsp)\n\t"
        "movq    %%rbp, 8(%%rsp)\n\t" WEFT_SAVE_FP WEFT_LOAD_FP
        "movq    %%rsp, (%%rdi)\n\t"
        "movq    %%rsi, %%rsp\n\t"
        "movq    8(%%rsi), %%rbp\n\t"
        "jmpq    *(%%rsi)\n"
        "1:\n\t" WEFT_LANDING "leaq    152(%%rsp), %%rsp\n\t"
        : "+a"(value), "+D"(save), "+S"(target)
        :
        : "rbx", "rcx", "rdx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",  //
          "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10",
          "xmm11", "xmm12", "xmm13", "xmm14", "xmm15", "st", "st(1)", "st(2)", "st(3)", "st(4)",
          "st(5)", "st(6)", "st(7)",  //
          "mm0", "mm1", "mm2", "mm3", "mm4", "mm5", "mm6", "mm7",
#if defined(__AVX512F__)
          "xmm16", "xmm17", "xmm18", "xmm19", "xmm20", "xmm21", "xmm22", "xmm23", "xmm24", "xmm25",
          "xmm26", "xmm27", "xmm28", "xmm29", "xmm30", "xmm31", "k0", "k1", "k2", "k3", "k4", "k5",
          "k6", "k7",
#endif
#if defined(__APX_F__)
          "r16", "r17", "r18", "r19", "r20", "r21", "r22", "r23", "r24", "r25", "r26", "r27", "r28",
          "r29", "r30", "r31",
#endif
          "cc", "memory");
    return value;
}

#undef WEFT_SAVE_FP
#undef WEFT_LOAD_FP
#undef WEFT_LANDING

/// The words that a new context starts with, on a stack that goes from one to the next without a
/// switch. Loaded always: reading MXCSR to compare costs more (4 ns against 0.5 ns on Zen 4).
inline void reset_fp_control() noexcept {
#if WEFT_SAVE_FP_CONTROL
    static constexpr std::uint32_t mxcsr = 0x1f80;
    static constexpr std::uint16_t x87 = 0x037f;
    asm volatile("ldmxcsr %0\n\tfldcw %1" : : "m"(mxcsr), "m"(x87));
#endif
}

/// `stack_top` is 16-byte aligned; a few dozen bytes below it are written. The new context starts
/// with the floating-point control words of the process start: all exceptions masked, round to
/// nearest, x87 at 64 bits of precision.
inline context make_context(void* stack_top, entry_fn entry) noexcept {
    auto* const frame = static_cast<std::uint64_t*>(stack_top) - 6;
    frame[0] = reinterpret_cast<std::uint64_t>(&weft_context_entry);
    frame[1] = 0;                         // rbp: ends the chain of frame pointers
    frame[2] = 0x1f80 | 0x037full << 32;  // MXCSR, x87 control word
    frame[3] = reinterpret_cast<std::uint64_t>(entry);
    frame[4] = 0;
    frame[5] = 0;
    return {frame};
}

}  // namespace weft::context
