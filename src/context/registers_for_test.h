// SPDX-License-Identifier: Apache-2.0
//
// Calls a function with chosen values in every register that the ABI says a function must keep, and
// tells what they hold afterwards. In assembly, since a compiler would not let go of them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace weft::context {

#if defined(__x86_64__)
inline constexpr std::size_t kept_registers = 6;  // rbx, rbp, r12 to r15
#else
inline constexpr std::size_t kept_registers = 19;  // x19 to x29, d8 to d15
#endif

using register_values = std::array<std::uint64_t, kept_registers>;

/// `values` goes in and comes out.
extern "C" void weft_test_call_with_registers(void (*function)(void*), void* argument,
                                              std::uint64_t* values);

#if defined(__x86_64__)
asm(R"(
    .text
    .type weft_test_call_with_registers, @function
weft_test_call_with_registers:
    pushq %rbx
    pushq %rbp
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    pushq %rdx
    movq  %rdi, %rax
    movq  %rsi, %rdi
    movq  0(%rdx), %rbx
    movq  8(%rdx), %rbp
    movq  16(%rdx), %r12
    movq  24(%rdx), %r13
    movq  32(%rdx), %r14
    movq  40(%rdx), %r15
    callq *%rax
    popq  %rdx
    movq  %rbx, 0(%rdx)
    movq  %rbp, 8(%rdx)
    movq  %r12, 16(%rdx)
    movq  %r13, 24(%rdx)
    movq  %r14, 32(%rdx)
    movq  %r15, 40(%rdx)
    popq  %r15
    popq  %r14
    popq  %r13
    popq  %r12
    popq  %rbp
    popq  %rbx
    ret
    .size weft_test_call_with_registers, . - weft_test_call_with_registers
)");
#else
asm(R"(
    .text
    .p2align 2
    .type weft_test_call_with_registers, @function
weft_test_call_with_registers:
    stp x29, x30, [sp, #-176]!
    stp x19, x20, [sp, #16]
    stp x21, x22, [sp, #32]
    stp x23, x24, [sp, #48]
    stp x25, x26, [sp, #64]
    stp x27, x28, [sp, #80]
    stp d8, d9, [sp, #96]
    stp d10, d11, [sp, #112]
    stp d12, d13, [sp, #128]
    stp d14, d15, [sp, #144]
    str x2, [sp, #160]
    mov x9, x0
    mov x0, x1
    ldp x19, x20, [x2, #0]
    ldp x21, x22, [x2, #16]
    ldp x23, x24, [x2, #32]
    ldp x25, x26, [x2, #48]
    ldp x27, x28, [x2, #64]
    ldr x29, [x2, #80]
    ldp d8, d9, [x2, #88]
    ldp d10, d11, [x2, #104]
    ldp d12, d13, [x2, #120]
    ldp d14, d15, [x2, #136]
    blr x9
    ldr x2, [sp, #160]
    stp x19, x20, [x2, #0]
    stp x21, x22, [x2, #16]
    stp x23, x24, [x2, #32]
    stp x25, x26, [x2, #48]
    stp x27, x28, [x2, #64]
    str x29, [x2, #80]
    stp d8, d9, [x2, #88]
    stp d10, d11, [x2, #104]
    stp d12, d13, [x2, #120]
    stp d14, d15, [x2, #136]
    ldp x19, x20, [sp, #16]
    ldp x21, x22, [sp, #32]
    ldp x23, x24, [sp, #48]
    ldp x25, x26, [sp, #64]
    ldp x27, x28, [sp, #80]
    ldp d8, d9, [sp, #96]
    ldp d10, d11, [sp, #112]
    ldp d12, d13, [sp, #128]
    ldp d14, d15, [sp, #144]
    ldp x29, x30, [sp], #176
    ret
    .size weft_test_call_with_registers, . - weft_test_call_with_registers
)");
#endif

}  // namespace weft::context
