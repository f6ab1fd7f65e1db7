// SPDX-License-Identifier: Apache-2.0
//
// Built twice: as the library is, and with WEFT_SAVE_FP_CONTROL=0.
#include "context/switch.h"

#include <execinfo.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cfenv>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "context/registers_for_test.h"
#include "context/strand_for_test.h"

namespace weft::context {
namespace {

TEST(switch_context, runs_on_the_given_stack_and_returns) {
    const void* where = nullptr;
    strand s([&](strand&) { where = __builtin_frame_address(0); });
    s.resume();
    EXPECT_TRUE(s.ended());
    EXPECT_GE(where, s.memory().base + s.guard_size());
    EXPECT_LT(where, s.memory().top());
}

TEST(switch_context, carries_a_value_each_way) {
    std::vector<int> seen;
    int a = 1;
    int b = 2;
    int c = 3;
    strand s([&](strand& self) {
        seen.push_back(*static_cast<int*>(self.suspend(&a)));
        seen.push_back(*static_cast<int*>(self.suspend(&b)));
    });
    EXPECT_EQ(s.resume(), &a);
    EXPECT_EQ(s.resume(&b), &b);
    EXPECT_EQ(s.resume(&c), nullptr);
    EXPECT_TRUE(s.ended());
    EXPECT_EQ(seen, (std::vector<int>{2, 3}));
}

TEST(switch_context, goes_back_and_forth_many_times) {
    constexpr int rounds = 100'000;
    int count = 0;
    strand s([&](strand& self) {
        for (int i = 0; i < rounds; ++i) {
            ++count;
            self.suspend();
        }
    });
    for (int i = 0; i < rounds; ++i) {
        s.resume();
        ASSERT_EQ(count, i + 1);
    }
}

TEST(switch_context, nests) {
    std::string trace;
    strand inner([&](strand& self) {
        trace += 'c';
        self.suspend();
        trace += 'f';
    });
    strand outer([&](strand& self) {
        trace += 'b';
        inner.resume();
        trace += 'd';
        self.suspend();
        inner.resume();
        trace += 'g';
    });
    trace += 'a';
    outer.resume();
    trace += 'e';
    outer.resume();
    EXPECT_EQ(trace, "abcdefg");
}

TEST(switch_context, goes_on_on_another_thread) {
    // Not std::this_thread::get_id(): pthread_self() is declared `const`, so the compiler keeps
    // what it returned before the loop.
    std::vector<pid_t> seen;
    strand s([&](strand& self) {
        for (int i = 0; i < 3; ++i) {
            seen.push_back(::gettid());
            self.suspend();
        }
    });
    s.resume();
    std::thread([&] { s.resume(); }).join();
    s.resume();
    ASSERT_EQ(seen.size(), 3u);
    EXPECT_EQ(seen[0], seen[2]);
    EXPECT_NE(seen[0], seen[1]);
}

// movaps faults on an address that is not a multiple of 16, and compilers emit it for what they
// believe to be aligned; on AArch64 the processor itself checks the stack pointer.
TEST(make_context, enters_with_the_alignment_of_the_abi) {
    for (std::uint32_t colour = 0; colour < stack::colours; ++colour) {
        SCOPED_TRACE(colour);
        struct state {
            context main;
            context other;
            std::uintptr_t address = 1;
        } s;
        auto memory = std::make_unique<std::byte[]>(64 * 1024);
        const auto end = reinterpret_cast<std::uintptr_t>(memory.get() + 64 * 1024) & ~63ul;
        stack block{reinterpret_cast<std::byte*>(end - 32 * 1024), 32 * 1024, colour};
        sanitizer_context main_sanitizer;
        sanitizer_context other_sanitizer;
        sanitizer_adopt_thread(main_sanitizer);
        sanitizer_create(other_sanitizer, block);
        struct argument {
            state& s;
            sanitizer_context& from;
            sanitizer_context& to;
        } arg{s, other_sanitizer, main_sanitizer};
        s.other = make_context(block.top(), [](void* value) {
            auto& a = *static_cast<argument*>(value);
            after_switch(a.from);
            alignas(16) float buffer[4];
            std::uintptr_t address = reinterpret_cast<std::uintptr_t>(buffer);
            asm volatile("" : "+r"(address));  // the compiler shall not know what it assumed
#if defined(__x86_64__)
            asm volatile("movaps %%xmm0, %0" : "=m"(buffer));
#endif
            a.s.address = address;
            before_switch(a.from, a.to, true);
            switch_context(a.s.other, a.s.main, nullptr);
        });
        before_switch(main_sanitizer, other_sanitizer, false);
        switch_context(s.main, s.other, &arg);
        after_switch(main_sanitizer);
        sanitizer_destroy(other_sanitizer);
        EXPECT_EQ(s.address % 16, 0u);
    }
}

register_values pattern(std::uint64_t seed) {
    register_values values;
    for (std::size_t i = 0; i < values.size(); ++i) {
        values[i] = (seed << 32) + (i + 1) * 0x0101'0101;
    }
    return values;
}

TEST(switch_context, keeps_the_registers_that_the_abi_says_are_kept) {
    strand s([](strand& self) {
        for (std::uint64_t round = 0;; ++round) {
            register_values values = pattern(0x1000 + round);
            weft_test_call_with_registers([](void* p) { static_cast<strand*>(p)->suspend(p); },
                                          &self, values.data());
            if (values != pattern(0x1000 + round)) {
                return;
            }
        }
    });
    for (std::uint64_t round = 0; round < 10; ++round) {
        register_values values = pattern(0x2000 + round);
        weft_test_call_with_registers([](void* p) { static_cast<strand*>(p)->resume(p); }, &s,
                                      values.data());
        EXPECT_EQ(values, pattern(0x2000 + round)) << "round " << round;
        EXPECT_FALSE(s.ended()) << "a register of the other side was lost, round " << round;
    }
}

// The switch is inlined, so what the compiler holds in registers around it counts, too: more live
// values than there are registers, and the switch in their frame.
struct juggler {
    context mine;
    context* other = nullptr;
    sanitizer_context sanitizer;
    sanitizer_context* other_sanitizer = nullptr;

    template <class Number, bool Switches>
    [[gnu::noinline]] Number run(Number a, int rounds) {
        Number b = a * 3, c = a + 5, d = a * 7, e = a + 11, f = a * 13, g = a + 17, h = a * 19;
        Number i = a + 23, j = a * 29, k = a + 31, l = a * 37, m = a + 41, n = a * 43, o = a + 47;
        for (int round = 0; round < rounds; ++round) {
            if constexpr (Switches) {
                before_switch(sanitizer, *other_sanitizer, false);
                switch_context(mine, *other, nullptr);
                after_switch(sanitizer);
            } else {
                asm volatile("" ::: "memory");
            }
            a += b, b += 1, c += d, d += 1, e += f, f += 1, g += h, h += 1;
            i += j, j += 1, k += l, l += 1, m += n, n += 1, o += a;
        }
        return a + b + c + d + e + f + g + h + i + j + k + l + m + n + o;
    }
};

template <class Number>
void juggle(Number here, Number there) {
    constexpr int rounds = 50;
    struct pair {
        juggler a;
        juggler b;
        Number start;
        Number result = 0;
    } p{.a = {}, .b = {}, .start = there};
    stack_pool pool({.stack_size = std::size_t{256} * 1024});
    stack memory;
    ASSERT_EQ(pool.allocate(std::span(&memory, 1)), 1u);
    p.a.other = &p.b.mine;
    p.b.other = &p.a.mine;
    p.a.other_sanitizer = &p.b.sanitizer;
    p.b.other_sanitizer = &p.a.sanitizer;
    sanitizer_adopt_thread(p.a.sanitizer);
    sanitizer_create(p.b.sanitizer, memory);
    // The entry is given what the first switch carries; run() carries nothing, so one goes ahead.
    p.b.mine = make_context(memory.top(), [](void* value) {
        pair& mine = *static_cast<pair*>(value);
        after_switch(mine.b.sanitizer);
        before_switch(mine.b.sanitizer, mine.a.sanitizer, false);
        switch_context(mine.b.mine, mine.a.mine, nullptr);
        after_switch(mine.b.sanitizer);
        mine.result = mine.b.template run<Number, true>(mine.start, rounds - 1);
        before_switch(mine.b.sanitizer, mine.a.sanitizer, true);
        switch_context(mine.b.mine, mine.a.mine, nullptr);
    });
    before_switch(p.a.sanitizer, p.b.sanitizer, false);
    switch_context(p.a.mine, p.b.mine, &p);
    after_switch(p.a.sanitizer);
    const Number result = p.a.template run<Number, true>(here, rounds);
    sanitizer_destroy(p.b.sanitizer);
    pool.deallocate(std::span(&memory, 1));
    EXPECT_EQ(result, (juggler().run<Number, false>(here, rounds)));
    EXPECT_EQ(p.result, (juggler().run<Number, false>(there, rounds - 1)));
}

TEST(switch_context, keeps_live_integers) {
    juggle<std::uint64_t>(1, 1'000'003);
}

TEST(switch_context, keeps_live_doubles) {
    juggle<double>(1.5, 1e6);
}

#if defined(__x86_64__)
/// Not all of an AVX register is named in the list of what a switch loses.
[[gnu::noinline, gnu::target("avx")]] double sum_of_wide_registers(context& from, const context& to,
                                                                   sanitizer_context& mine,
                                                                   sanitizer_context& other) {
    __m256d a = _mm256_set_pd(1, 2, 3, 4);
    __m256d b = _mm256_set_pd(5, 6, 7, 8);
    asm volatile("" : "+x"(a), "+x"(b));  // in registers, and of unknown value
    before_switch(mine, other, false);
    switch_context(from, to, nullptr);
    after_switch(mine);
    const __m256d c = _mm256_add_pd(a, b);
    double out[4];
    _mm256_storeu_pd(out, c);
    return out[0] + out[1] + out[2] + out[3];
}

TEST(switch_context, keeps_whole_avx_registers) {
    if (!__builtin_cpu_supports("avx")) {
        GTEST_SKIP() << "this processor has no AVX";
    }
    stack_pool pool({});
    stack memory;
    ASSERT_EQ(pool.allocate(std::span(&memory, 1)), 1u);
    struct pair {
        context main;
        context other;
        sanitizer_context main_sanitizer;
        sanitizer_context other_sanitizer;
    } p;
    static pair* current;
    current = &p;
    sanitizer_adopt_thread(p.main_sanitizer);
    sanitizer_create(p.other_sanitizer, memory);
    p.other = make_context(memory.top(), [](void*) {
        after_switch(current->other_sanitizer);
        asm volatile("vzeroall" ::
                         : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8",
                           "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
        before_switch(current->other_sanitizer, current->main_sanitizer, true);
        switch_context(current->other, current->main, nullptr);
    });
    EXPECT_EQ(sum_of_wide_registers(p.main, p.other, p.main_sanitizer, p.other_sanitizer), 36.0);
    sanitizer_destroy(p.other_sanitizer);
    pool.deallocate(std::span(&memory, 1));
}
#endif

/// Puts rounding back whatever the test does to it.
class rounding_restored {
public:
    rounding_restored() = default;
    ~rounding_restored() { std::fesetround(mode_); }
    rounding_restored(const rounding_restored&) = delete;
    rounding_restored& operator=(const rounding_restored&) = delete;

private:
    int mode_ = std::fegetround();
};

#if WEFT_SAVE_FP_CONTROL

double third() {
    volatile double one = 1.0;
    volatile double three = 3.0;
    return one / three;
}

TEST(floating_point_control, rounding_belongs_to_the_context) {
    const rounding_restored restored;
    ASSERT_EQ(std::fegetround(), FE_TONEAREST);
    const double nearest = third();
    std::vector<double> inside;
    strand s([&](strand& self) {
        std::fesetround(FE_UPWARD);
        inside.push_back(third());
        self.suspend();
        inside.push_back(third());
        EXPECT_EQ(std::fegetround(), FE_UPWARD);
    });
    s.resume();
    EXPECT_EQ(std::fegetround(), FE_TONEAREST);
    EXPECT_EQ(third(), nearest);
    std::fesetround(FE_DOWNWARD);
    s.resume();
    EXPECT_EQ(std::fegetround(), FE_DOWNWARD);
    ASSERT_EQ(inside.size(), 2u);
    EXPECT_GT(inside[0], nearest);
    EXPECT_EQ(inside[0], inside[1]);
}

TEST(floating_point_control, a_new_context_starts_with_that_of_a_process) {
    const rounding_restored restored;
    std::fesetround(FE_UPWARD);
    int inside = -1;
    strand s([&](strand&) { inside = std::fegetround(); });
    s.resume();
    EXPECT_EQ(inside, FE_TONEAREST);
    EXPECT_EQ(std::fegetround(), FE_UPWARD);
}

#if defined(__x86_64__)
unsigned short x87_control() {
    unsigned short word = 0;
    asm volatile("fnstcw %0" : "=m"(word));
    return word;
}

void set_x87_control(unsigned short word) {
    asm volatile("fldcw %0" : : "m"(word));
}

// Each alone, since a change of one must not go unnoticed because the other is the same.
TEST(floating_point_control, keeps_the_x87_word) {
    const unsigned short before = x87_control();
    constexpr unsigned short single_precision = 0x007f;
    strand s([&](strand& self) {
        EXPECT_EQ(x87_control(), 0x037f);
        set_x87_control(single_precision);
        self.suspend();
        EXPECT_EQ(x87_control(), single_precision);
        self.suspend();
        EXPECT_EQ(x87_control(), single_precision);
    });
    s.resume();
    EXPECT_EQ(x87_control(), before);
    s.resume();
    EXPECT_EQ(x87_control(), before);
    s.resume();
    EXPECT_EQ(x87_control(), before);
}

TEST(floating_point_control, keeps_mxcsr) {
    constexpr unsigned flush_to_zero = 0x8000;
    const unsigned before = _mm_getcsr() & 0xffc0u;
    strand s([&](strand& self) {
        _mm_setcsr(_mm_getcsr() | flush_to_zero);
        self.suspend();
        EXPECT_EQ(_mm_getcsr() & 0xffc0u, before | flush_to_zero);
    });
    s.resume();
    EXPECT_EQ(_mm_getcsr() & 0xffc0u, before);
    s.resume();
    EXPECT_EQ(_mm_getcsr() & 0xffc0u, before);
}
#endif

#else

TEST(floating_point_control, is_shared_where_the_option_is_off) {
    const rounding_restored restored;
    strand s([&](strand& self) {
        std::fesetround(FE_UPWARD);
        self.suspend();
    });
    s.resume();
    EXPECT_EQ(std::fegetround(), FE_UPWARD);
}

#endif

/// Whether `frame` is the return address into the entry of a context.
bool in_entry(const void* frame) {
    const auto start = reinterpret_cast<std::uintptr_t>(&weft_context_entry);
    const auto at = reinterpret_cast<std::uintptr_t>(frame);
    return at > start && at < start + 64;
}

TEST(unwinding, a_backtrace_ends_at_the_entry) {
    std::array<void*, 64> frames{};
    int count = 0;
    strand s([&](strand& self) {
        self.suspend();
        count = ::backtrace(frames.data(), static_cast<int>(frames.size()));
    });
    s.resume();
    std::thread([&] { s.resume(); }).join();
    ASSERT_GT(count, 2);
    ASSERT_LT(count, static_cast<int>(frames.size()));
    const std::span seen(frames.data(), static_cast<std::size_t>(count));
    // glibc reports the caller of the outermost frame as well where that is null.
    const void* const last = seen.back() != nullptr ? seen.back() : seen[seen.size() - 2];
    EXPECT_TRUE(in_entry(last)) << last;
    EXPECT_EQ(std::ranges::count_if(seen, in_entry), 1);
}

TEST(unwinding_death_test, an_exception_that_nobody_catches_terminates) {
    EXPECT_DEATH(
        {
            strand s([](strand&) { throw std::runtime_error("nobody catches this"); });
            s.resume();
        },
        "nobody catches this");
}

}  // namespace
}  // namespace weft::context
