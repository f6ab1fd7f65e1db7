/* SPDX-License-Identifier: Apache-2.0
 *
 * Where a context made by make_context() starts: x2 is its saved stack pointer (see
 * switch_aarch64.h), x0 the value of the switch. Calls entry(value), which must not return.
 *
 * The return address is declared undefined, so that backtraces, gdb and the unwinder stop here
 * instead of reading beyond the top of the stack. The `nop` in front of the label keeps an
 * unwinder that looks at "return address minus one" inside this function.
 */
    .text
    .globl  weft_context_entry
    .hidden weft_context_entry
    .type   weft_context_entry, @function
    .p2align 4
    .cfi_startproc
    .cfi_undefined x30
    nop
weft_context_entry:
    hint    #38                     /* bti jc: a landing pad for the jump of the switch */
    ldr     x9, [x2, #24]
    add     sp, x2, #32
    mov     x29, #0
    mov     x30, #0
    blr     x9
    brk     #1
    .cfi_endproc
    .size   weft_context_entry, . - weft_context_entry

    .section .note.GNU-stack, "", @progbits
