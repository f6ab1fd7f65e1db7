/* SPDX-License-Identifier: Apache-2.0
 *
 * Where a context made by make_context() starts: rsi is its saved stack pointer (see
 * switch_x86_64.h), rax the value of the switch. Calls entry(value), which must not return.
 *
 * The return address is declared undefined, so that backtraces, gdb and the unwinder stop here
 * instead of reading beyond the top of the stack. The `nop` in front of the label keeps an
 * unwinder that looks at "return address minus one" inside this function.
 *
 * No .note.gnu.property: one object without it makes the linker mark the program as not ready for
 * shadow stacks, which a switch by a jump would break.
 */
    .text
    .globl  weft_context_entry
    .hidden weft_context_entry
    .type   weft_context_entry, @function
    .p2align 4
    .cfi_startproc
    .cfi_undefined rip
    nop
weft_context_entry:
    endbr64
    movq    24(%rsi), %rdx
    leaq    32(%rsi), %rsp          /* 16-byte aligned, as the ABI wants it before a call */
    movq    %rax, %rdi
    xorl    %ebp, %ebp
    callq   *%rdx
    ud2
    .cfi_endproc
    .size   weft_context_entry, . - weft_context_entry

    .section .note.GNU-stack, "", @progbits
