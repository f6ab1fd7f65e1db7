// SPDX-License-Identifier: Apache-2.0
//
// Stacks under the scheduler: overflow reports, use to the last bytes, exhaustion, many
// fibers.
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <weft/fiber.h>
#include <weft/runtime.h>
#include <weft/semaphore.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>
#include <vector>

namespace {

constexpr std::size_t kib = 1024;

/// Frames much smaller than a page, so that the guard is hit and not jumped over.
[[gnu::noinline]] int recurse(int depth) {
    volatile char frame[256];
    frame[depth % 256] = static_cast<char>(depth);
    const int deeper = depth == -1 ? 0 : recurse(depth + 1);
    return deeper + frame[depth % 256];
}

void overflow_in(const weft::fiber_options& options) {
    weft::run(weft::runtime_options{.workers = 2}, [&] {
        weft::spawn(options, [] {
            weft::this_fiber::yield();
            recurse(0);
        }).join();
    });
}

TEST(stacks_death_test, an_overflow_names_the_fiber_and_its_size) {
    EXPECT_DEATH(overflow_in({.name = "parser"}),
                 "weft: fiber 'parser' \\(#[0-9]+\\) overflowed its stack of 64 KiB at address 0x");
}

TEST(stacks_death_test, an_overflow_of_a_larger_stack_names_its_size) {
    EXPECT_DEATH(overflow_in({.name = "deep", .stack_size = 256 * kib}),
                 "weft: fiber 'deep' \\(#[0-9]+\\) overflowed its stack of 256 KiB at address 0x");
}

TEST(stacks_death_test, a_fiber_without_a_name_has_its_number) {
    EXPECT_DEATH(overflow_in({}), "weft: fiber '' \\(#[0-9]+\\) overflowed its stack of 64 KiB");
}

void fault_in_fiber() {
    void* const page = ::mmap(nullptr, 4 * kib, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    weft::run([page] {
        weft::spawn({.name = "careless"}, [page] {
            *static_cast<volatile char*>(page) = 1;
        }).join();
    });
}

// Sanitizers install a handler of their own, which then reports instead.
TEST(stacks_death_test, another_fault_is_no_overflow) {
    EXPECT_DEATH(fault_in_fiber(), "SIGSEGV in fiber 'careless' \\(#[0-9]+\\)|SEGV on");
}

/// Goes down until `room` bytes below `top` are used, waits there, and comes back up. Each level
/// checks that its frame is as it was left.
[[gnu::noinline]] std::size_t descend(std::uintptr_t top, std::size_t room, unsigned char level) {
    // Not smaller: ThreadSanitizer has room for 65,536 calls within each other, and does not check.
    volatile unsigned char frame[256];
    for (volatile unsigned char& byte : frame) {
        byte = level;
    }
    std::size_t damaged = 0;
    if (top - reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0)) < room) {
        damaged = descend(top, room, static_cast<unsigned char>(level + 1));
    } else {
        weft::this_fiber::yield();
    }
    for (const volatile unsigned char& byte : frame) {
        damaged += byte != level ? 1 : 0;
    }
    return damaged;
}

TEST(stacks, neighbours_may_use_almost_all_of_theirs) {
#if defined(__SANITIZE_ADDRESS__)
    constexpr std::size_t most = 44 * kib;  // its frames are larger, and so is what it calls
#elif defined(__SANITIZE_THREAD__)
    constexpr std::size_t most = 36 * kib;  // it runs signal handlers on the stack of the fiber
#else
    constexpr std::size_t most = 54 * kib;
#endif
    constexpr std::size_t count = 100;
    std::vector<std::size_t> damaged(count, 1);
    weft::run(weft::runtime_options{.workers = 2}, [&] {
        std::vector<weft::fiber> fibers;
        for (std::size_t i = 0; i < count; ++i) {
            fibers.push_back(weft::spawn([&damaged, i] {
                const auto top = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
                damaged[i] = descend(top, most, static_cast<unsigned char>(i));
            }));
        }
    });
    EXPECT_EQ(damaged, std::vector<std::size_t>(count, 0));
}

TEST(stacks, a_large_one_is_as_large_as_asked_for) {
    std::size_t damaged = 1;
    weft::run([&] {
        weft::spawn({.stack_size = 8192 * kib}, [&] {
            const auto top = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
            damaged = descend(top, 8100 * kib, 0);
        }).join();
    });
    EXPECT_EQ(damaged, 0u);
}

TEST(stacks, one_that_cannot_be_had_is_an_error_of_join) {
    weft::run([] {
        bool ran = false;
        weft::fiber f = weft::spawn({.stack_size = std::size_t{1} << 35}, [&] { ran = true; });
        EXPECT_THROW(f.join(), std::bad_alloc);
        EXPECT_FALSE(ran);
        weft::spawn([&] { ran = true; }).join();
        EXPECT_TRUE(ran);
    });
}

#if defined(__SANITIZE_THREAD__)
constexpr std::size_t alive_at_once = 400;  // it takes milliseconds to make one
#elif defined(__SANITIZE_ADDRESS__) || !defined(__x86_64__)
constexpr std::size_t alive_at_once = 2'000;
#else
constexpr std::size_t alive_at_once = 100'000;
#endif

/// A million fibers in all where memory allows it: it takes the kernel a minute.
std::size_t turns_of_all() {
    return std::getenv("WEFT_SOAK") != nullptr ? 10 : 3;
}

TEST(stacks, of_those_that_ended_are_used_again) {
    const std::size_t turns = turns_of_all();
    std::atomic<std::size_t> ran = 0;
    weft::runtime runtime({.workers = 2});
    std::size_t mapped = 0;
    for (std::size_t turn = 0; turn < turns; ++turn) {
        runtime.run([&] {
            weft::counting_semaphore<> gate(0);
            std::atomic<std::size_t> waiting = 0;
            std::vector<weft::fiber> fibers;
            fibers.reserve(alive_at_once);
            for (std::size_t i = 0; i < alive_at_once; ++i) {
                fibers.push_back(weft::spawn([&] {
                    waiting.fetch_add(1);
                    gate.acquire();
                    ran.fetch_add(1);
                }));
            }
            while (waiting.load() != alive_at_once) {
                weft::this_fiber::yield();
            }
            EXPECT_EQ(ran.load(), turn * alive_at_once);
            EXPECT_GE(runtime.stats().stacks_in_use, alive_at_once);
            gate.release(static_cast<std::ptrdiff_t>(alive_at_once));
        });
        if (turn == 0) {
            mapped = runtime.stats().stacks_mapped;
        }
    }
    EXPECT_EQ(ran.load(), turns * alive_at_once);
    // What workers hold back for themselves may add a few.
    EXPECT_LE(runtime.stats().stacks_mapped, mapped + 1024) << "stacks are used again";
}

}  // namespace
