// SPDX-License-Identifier: Apache-2.0
//
// The steps of a switch, one by one, without a scheduler: entering the kernel and coming back, the
// registers that a call must keep and the stack, the control words of floating point, the whole
// state of floating point and SIMD. What page tables add is the switch between processes less that
// between threads (switches.cpp). On x86-64 only, but for the system call.
#include <array>
#include <cstdint>
#include <cstdlib>
#include <memory>

#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "measure/sampling.h"
#include "probes.h"

namespace weft::measure {

namespace {

constexpr int pieces = 10'000;

void system_calls() {
    for (int i = 0; i < pieces; ++i) {
        ::syscall(SYS_getppid);
    }
}

#if defined(__x86_64__)

// Saves the callee-saved registers on the stack and its pointer in *rdi, goes over to the stack rsi
// and takes them from there. Not weft's own switch, which is no public function and does more.
extern "C" void weft_measure_change_stack(void** save, void* to);
asm(R"(
    .text
    .type weft_measure_change_stack, @function
weft_measure_change_stack:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
    .size weft_measure_change_stack, . - weft_measure_change_stack
)");

/// Two stacks, of which one belongs to a function that goes back at once, for ever.
struct two_stacks {
    void* here = nullptr;
    void* there = nullptr;
    std::unique_ptr<std::uint64_t[]> memory = std::make_unique<std::uint64_t[]>(words);

    static constexpr std::size_t words = 2048;

    two_stacks() {
        current = this;
        std::uint64_t* top = memory.get() + words;
        *--top = 0;  // the stack is aligned as after a call
        *--top = reinterpret_cast<std::uint64_t>(&go_back_for_ever);
        for (int i = 0; i < 6; ++i) {
            *--top = 0;
        }
        there = top;
    }

    static void go_back_for_ever() {
        for (;;) {
            weft_measure_change_stack(&current->there, current->here);
        }
    }
    static inline two_stacks* current = nullptr;
};

void change_stacks(two_stacks& both) {
    for (int i = 0; i < pieces / 2; ++i) {
        weft_measure_change_stack(&both.here, both.there);  // there and back
    }
}

void control_words() {
    std::uint32_t mxcsr = 0;
    std::uint16_t x87 = 0;
    for (int i = 0; i < pieces; ++i) {
        asm volatile(
            "stmxcsr %0\n\t"
            "fnstcw %1\n\t"
            "ldmxcsr %0\n\t"
            "fldcw %1"
            : "+m"(mxcsr), "+m"(x87));
    }
}

/// Memory for what XSAVE saves; empty where there is no such instruction.
class simd_state {
public:
    simd_state() {
        unsigned a = 0;
        unsigned b = 0;
        unsigned c = 0;
        unsigned d = 0;
        constexpr unsigned osxsave = 1u << 27;
        if (__get_cpuid(1, &a, &b, &c, &d) != 0 && (c & osxsave) != 0 &&
            __get_cpuid_count(0xd, 0, &a, &b, &c, &d) != 0) {
            constexpr std::size_t alignment = 64;
            size_ = (c + alignment - 1) / alignment * alignment;
            place_.reset(static_cast<std::byte*>(std::aligned_alloc(alignment, size_)));
            std::fill_n(place_.get(), size_, std::byte{0});
        }
    }
    [[nodiscard]] bool is_there() const noexcept { return place_ != nullptr; }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }

    void save_and_restore() const {
        std::byte* const place = place_.get();
        for (int i = 0; i < pieces; ++i) {
            asm volatile(
                "xsave64 (%0)\n\t"
                "xrstor64 (%0)"
                :
                : "r"(place), "a"(-1), "d"(-1)
                : "memory");
        }
    }

private:
    struct free_it {
        void operator()(std::byte* memory) const noexcept { std::free(memory); }
    };
    std::unique_ptr<std::byte, free_it> place_;
    std::size_t size_ = 0;
};

/// Puts something into the SIMD registers: what was never used need not be saved.
void dirty_simd() {
    asm volatile("pcmpeqd %%xmm0, %%xmm0\n\tmovaps %%xmm0, %%xmm1" ::: "xmm0", "xmm1");
}

void processor_steps(probe_round& round, const sampling_goal& goal) {
    two_stacks both;
    round.add("step.registers", time_batches(goal, pieces, [&] { change_stacks(both); }));
    round.add("step.control_words", time_batches(goal, pieces, control_words));
    const simd_state simd;
    if (simd.is_there()) {
        dirty_simd();
        round.add("step.simd", time_batches(goal, pieces, [&] { simd.save_and_restore(); }));
        round.tell("SIMD state", std::to_string(simd.size()) + " bytes");
    }
}

#else

void processor_steps(probe_round& round, const sampling_goal&) {
    round.tell("steps", "registers and SIMD state are measured on x86-64 only");
}

#endif

}  // namespace

void probe_steps(probe_round& round) {
    const sampling_goal goal{.seconds = round.seconds() / 4};
    round.add("step.system_call", time_batches(goal, pieces, system_calls));
    processor_steps(round, goal);
}

}  // namespace weft::measure
