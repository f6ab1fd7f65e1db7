// SPDX-License-Identifier: Apache-2.0
#include "context/stack_pool.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <set>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "context/sanitizer.h"

namespace weft::context {
namespace {

constexpr std::size_t kib = 1024;

std::size_t page_size() {
    return static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

/// Whether the kernel can read the byte; asked of it, so that nothing has to crash.
class probe {
public:
    probe() { EXPECT_EQ(::pipe(ends_.data()), 0); }
    ~probe() {
        ::close(ends_[0]);
        ::close(ends_[1]);
    }
    probe(const probe&) = delete;
    probe& operator=(const probe&) = delete;

    bool readable(const std::byte* where) {
        if (::syscall(SYS_write, ends_[1], where, 1) != 1) {
            EXPECT_EQ(errno, EFAULT);
            return false;
        }
        char taken = 0;
        EXPECT_EQ(::read(ends_[0], &taken, 1), 1);
        return true;
    }

private:
    std::array<int, 2> ends_{};
};

std::size_t resident_pages(const stack& s, std::size_t guard) {
    const std::size_t size = s.size - guard;
    std::vector<unsigned char> pages(size / page_size());
    EXPECT_EQ(::mincore(s.base + guard, size, pages.data()), 0);
    return static_cast<std::size_t>(
        std::ranges::count_if(pages, [](unsigned char page) { return (page & 1) != 0; }));
}

void touch(const stack& s, std::size_t guard) {
    std::memset(s.base + guard, 1, s.size - guard);
}

std::vector<stack> take(stack_pool& pool, std::size_t count) {
    std::vector<stack> out(count);
    out.resize(pool.allocate(out));
    return out;
}

std::size_t mappings() {
    std::ifstream maps("/proc/self/maps");
    std::string line;
    std::size_t count = 0;
    while (std::getline(maps, line)) {
        ++count;
    }
    return count;
}

TEST(stack_pool, stacks_are_aligned_apart_and_writable) {
    stack_pool pool({.stack_size = 64 * kib});
    const auto stacks = take(pool, 200);
    ASSERT_EQ(stacks.size(), 200u);
    std::set<std::byte*> bases;
    for (const stack& s : stacks) {
        EXPECT_EQ(s.size, 64 * kib);
        EXPECT_EQ(reinterpret_cast<std::uintptr_t>(s.base) % s.size, 0u);
        EXPECT_TRUE(bases.insert(s.base).second);
        s.base[pool.guard_size()] = std::byte{1};
        s.top()[-1] = std::byte{2};
    }
    EXPECT_EQ(pool.stats().in_use, 200u);
    EXPECT_GE(pool.stats().mapped, 200u);
    pool.deallocate(stacks);
    EXPECT_EQ(pool.stats().in_use, 0u);
}

TEST(stack_pool, sizes_are_rounded_up) {
    EXPECT_EQ(stack_pool({.stack_size = 1}).stack_size(), 4 * page_size());
    EXPECT_EQ(stack_pool({.stack_size = 65 * kib}).stack_size(), 128 * kib);
    EXPECT_EQ(stack_pool({.stack_size = 1024 * kib}).stack_size(), 1024 * kib);
}

TEST(stack_pool, trim_hands_back_what_was_not_needed_since_the_last_one) {
    stack_pool pool({.stack_size = 64 * kib, .high_water = 1000});
    auto stacks = take(pool, 300);
    for (const stack& s : stacks) {
        touch(s, pool.guard_size());
    }
    pool.trim();
    pool.deallocate(stacks);
    EXPECT_EQ(pool.stats().free_warm, 300u);
    pool.trim();
    EXPECT_EQ(pool.stats().free_warm, 300u) << "they were in use since the last one";
    const auto needed = take(pool, 40);
    pool.deallocate(needed);
    pool.trim();
    EXPECT_EQ(pool.stats().free_warm, 40u);
    EXPECT_EQ(pool.stats().handed_back, 260u);
    EXPECT_EQ(resident_pages(stacks.front(), pool.guard_size()), 0u) << "the oldest";
    EXPECT_NE(resident_pages(stacks.back(), pool.guard_size()), 0u) << "the newest";
    pool.trim();
    pool.trim();
    EXPECT_EQ(pool.stats().free_warm, 0u);
    stacks = take(pool, 300);
    EXPECT_EQ(stacks.size(), 300u);
    pool.deallocate(stacks);
}

/// Beside others that take stacks and give them back none is lost.
TEST(stack_pool, trims_beside_others) {
    stack_pool pool({.stack_size = 64 * kib, .high_water = 200});
    std::vector<std::thread> others;
    for (int i = 0; i < 3; ++i) {
        others.emplace_back([&] {
            for (int turn = 0; turn < 300; ++turn) {
                auto stacks = take(pool, 1 + static_cast<std::size_t>(turn) % 100);
                for (const stack& s : stacks) {
                    s.top()[-1] = std::byte{1};
                }
                pool.deallocate(stacks);
            }
        });
    }
    for (int turn = 0; turn < 300; ++turn) {
        pool.trim();
        std::this_thread::yield();
    }
    for (std::thread& each : others) {
        each.join();
    }
    const stack_pool_stats now = pool.stats();
    EXPECT_EQ(now.in_use, 0u);
    const auto all = take(pool, now.mapped);
    std::set<std::byte*> bases;
    for (const stack& s : all) {
        EXPECT_TRUE(bases.insert(s.base).second);
    }
    EXPECT_EQ(bases.size(), now.mapped);
    pool.deallocate(all);
}

class guards : public ::testing::TestWithParam<guard_method> {};

TEST_P(guards, fault_and_survive_everything_that_happens_to_a_stack) {
    stack_pool pool({.stack_size = 64 * kib, .high_water = 0, .method = GetParam()});
    probe kernel;
    std::vector<stack> stacks = take(pool, 150);
    ASSERT_EQ(stacks.size(), 150u);
    ASSERT_EQ(pool.stats().unguarded, 0u);
    for (int turn = 0; turn < 3; ++turn) {
        for (const stack& s : stacks) {
            EXPECT_FALSE(kernel.readable(s.base));
            EXPECT_FALSE(kernel.readable(s.base + pool.guard_size() - 1));
            EXPECT_TRUE(kernel.readable(s.base + pool.guard_size()));
            EXPECT_TRUE(kernel.readable(s.base + s.size - 1));
        }
        pool.deallocate(stacks);  // most lose their pages
        stacks = take(pool, 150);
    }
    EXPECT_GT(pool.stats().handed_back, 0u);
    pool.deallocate(stacks);
}

/// Markers are tested where the kernel has them, which `automatic` finds out.
std::vector<guard_method> methods_of_this_kernel() {
    std::vector<guard_method> methods{guard_method::automatic, guard_method::protect};
    if (stack_pool({}).method() == guard_method::markers) {
        methods.push_back(guard_method::markers);
    }
    return methods;
}

std::string name_of(const ::testing::TestParamInfo<guard_method>& method) {
    switch (method.param) {
        case guard_method::automatic:
            return "automatic";
        case guard_method::markers:
            return "markers";
        case guard_method::protect:
            return "protect";
    }
    return "unknown";
}

INSTANTIATE_TEST_SUITE_P(each, guards, ::testing::ValuesIn(methods_of_this_kernel()), name_of);

TEST(stack_pool, does_without_guards_where_told_to) {
    stack_pool pool({.guard = false});
    probe kernel;
    const auto stacks = take(pool, 1);
    ASSERT_EQ(stacks.size(), 1u);
    EXPECT_EQ(pool.guard_size(), 0u);
    EXPECT_TRUE(kernel.readable(stacks[0].base));
    EXPECT_EQ(pool.stats().unguarded, 0u);
    pool.deallocate(stacks);
}

TEST(stack_pool, mprotect_stays_within_its_budget_and_says_what_is_unguarded) {
    stack_pool pool({.method = guard_method::protect, .protect_budget = 10});
    probe kernel;
    const auto stacks = take(pool, 25);
    ASSERT_EQ(stacks.size(), 25u);
    EXPECT_EQ(pool.stats().unguarded, 15u);
    EXPECT_EQ(
        std::ranges::count_if(stacks, [&](const stack& s) { return kernel.readable(s.base); }), 15);
    pool.deallocate(stacks);
}

// More stacks than vm.max_map_count allows mappings for guards.
TEST(stack_pool, mprotect_leaves_mappings_to_others) {
    stack_pool pool({.stack_size = 16 * kib, .method = guard_method::protect});
    std::size_t limit = 0;
    std::ifstream("/proc/sys/vm/max_map_count") >> limit;
    ASSERT_GT(limit, 0u);
    const std::size_t count = std::min<std::size_t>(limit / 4 + 1000, 40'000);
    const auto stacks = take(pool, count);
    ASSERT_EQ(stacks.size(), count);
    EXPECT_LT(mappings(), limit * 3 / 4);
    EXPECT_EQ(pool.stats().unguarded, count - std::min(count, limit / 4));
    pool.deallocate(stacks);
}

TEST(stack_pool, the_last_one_back_is_the_first_one_out) {
    stack_pool pool({});
    auto stacks = take(pool, 20);
    ASSERT_EQ(stacks.size(), 20u);
    for (const stack& s : stacks) {
        pool.deallocate(std::span(&s, 1));
    }
    const auto again = take(pool, 20);
    ASSERT_EQ(again.size(), 20u);
    for (std::size_t i = 0; i < 20; ++i) {
        EXPECT_EQ(again[i].base, stacks[19 - i].base);
    }
    EXPECT_EQ(pool.stats().in_use, 20u);
    pool.deallocate(again);
}

TEST(stack_pool, keeps_pages_below_the_high_water_mark) {
    stack_pool pool({.stack_size = 64 * kib, .high_water = 100});
    const auto stacks = take(pool, 100);
    for (const stack& s : stacks) {
        touch(s, pool.guard_size());
    }
    pool.deallocate(stacks);
    EXPECT_EQ(pool.stats().handed_back, 0u);
    EXPECT_EQ(pool.stats().free_warm, 100u);
    for (const stack& s : stacks) {
        EXPECT_GT(resident_pages(s, pool.guard_size()), 0u);
    }
}

TEST(stack_pool, hands_pages_back_above_the_high_water_mark) {
    constexpr std::size_t high_water = 32;
    constexpr std::size_t count = 512;
    stack_pool pool({.stack_size = 64 * kib, .high_water = high_water});
    const auto stacks = take(pool, count);
    ASSERT_EQ(stacks.size(), count);
    for (const stack& s : stacks) {
        touch(s, pool.guard_size());
        ASSERT_EQ(resident_pages(s, pool.guard_size()), (s.size - pool.guard_size()) / page_size());
    }
    pool.deallocate(stacks);
    const auto with_pages = static_cast<std::size_t>(std::ranges::count_if(
        stacks, [&](const stack& s) { return resident_pages(s, pool.guard_size()) != 0; }));
    const stack_pool_stats stats = pool.stats();
    EXPECT_EQ(stats.free_warm, with_pages);
    EXPECT_GE(with_pages, high_water);
    EXPECT_LE(with_pages, high_water + 64);  // pages go back in batches of 64 stacks
    EXPECT_EQ(stats.handed_back, count - with_pages);
    // The newest kept theirs, and they come first.
    EXPECT_GT(resident_pages(stacks.back(), pool.guard_size()), 0u);
    const auto again = take(pool, 1);
    ASSERT_EQ(again.size(), 1u);
    EXPECT_EQ(again[0].base, stacks.back().base);
    pool.deallocate(again);
}

TEST(stack_pool, neighbours_have_different_colours) {
    stack_pool pool({});
    auto stacks = take(pool, stack::colours * 2);
    ASSERT_EQ(stacks.size(), stack::colours * 2);
    std::ranges::sort(stacks, {}, &stack::base);
    std::set<std::uintptr_t> offsets;
    for (std::size_t i = 0; i < stack::colours; ++i) {
        ASSERT_EQ(stacks[i + 1].base, stacks[i].base + stacks[i].size);
        const auto top = reinterpret_cast<std::uintptr_t>(stacks[i].top());
        EXPECT_EQ(top % 64, 0u);
        offsets.insert(top % page_size());
    }
    EXPECT_EQ(offsets.size(), stack::colours);
    pool.deallocate(stacks);
}

#if defined(WEFT_ASAN) || defined(WEFT_TSAN) || !defined(__x86_64__)
// Shadow memory, or an emulator's tables, would cost gigabytes.
constexpr std::size_t many = 20'000;
#else
constexpr std::size_t many = 1'000'000;
#endif

TEST(stack_pool, a_million_stacks_in_turns) {
    stack_pool pool({.stack_size = 64 * kib});
    std::size_t mapped = 0;
    [[maybe_unused]] const std::size_t mappings_before = mappings();
    for (int turn = 0; turn < 2; ++turn) {
        auto stacks = take(pool, many);
        ASSERT_EQ(stacks.size(), many);
        for (std::size_t i = 0; i < many; i += 97) {
            stacks[i].top()[-1] = std::byte{1};
        }
        const stack_pool_stats stats = pool.stats();
        EXPECT_EQ(stats.in_use, many);
        if (turn == 0) {
            mapped = stats.mapped;
            EXPECT_LT(mapped, many + 1000);
        }
        EXPECT_EQ(stats.mapped, mapped) << "what was given back is used again";
        if (pool.method() == guard_method::markers) {
            EXPECT_EQ(stats.unguarded, 0u);
#if !defined(__SANITIZE_THREAD__)  // whose shadow is mapped piece by piece
            EXPECT_LT(mappings(), mappings_before + 100) << "markers split no mapping";
#endif
        }
        std::ranges::sort(stacks, {}, &stack::base);
        EXPECT_EQ(std::ranges::adjacent_find(stacks, {}, &stack::base), stacks.end());
        pool.deallocate(stacks);
        EXPECT_EQ(pool.stats().in_use, 0u);
        EXPECT_EQ(pool.stats().free_warm + pool.stats().free_cold, mapped);
    }
}

TEST(stack_pool, threads_share_it) {
    stack_pool pool({.stack_size = 64 * kib, .high_water = 8});
    constexpr int threads = 4;
    std::vector<std::thread> users;
    for (int t = 0; t < threads; ++t) {
        users.emplace_back([&pool, t] {
            for (int round = 0; round < 200; ++round) {
                const auto mine = take(pool, static_cast<std::size_t>(1 + (round + t) % 40));
                for (const stack& s : mine) {
                    s.top()[-1] = static_cast<std::byte>(t);
                }
                for (const stack& s : mine) {
                    EXPECT_EQ(s.top()[-1], static_cast<std::byte>(t));
                }
                pool.deallocate(mine);
            }
        });
    }
    for (std::thread& user : users) {
        user.join();
    }
    EXPECT_EQ(pool.stats().in_use, 0u);
    EXPECT_LE(pool.stats().mapped, 256u);
}

#if !defined(WEFT_ASAN) && !defined(WEFT_TSAN)
// In a process of its own, since the limit is the process's. Sanitizers reserve terabytes.
TEST(stack_pool_death_test, gives_fewer_when_the_address_space_is_out) {
    EXPECT_EXIT(
        {
            stack_pool pool({.stack_size = 64 * kib});
            rlimit limit{};
            limit.rlim_cur = limit.rlim_max = rlim_t{1} << 30;
            ::setrlimit(RLIMIT_AS, &limit);
            const auto stacks = take(pool, 40'000);
            const bool refused = !stacks.empty() && stacks.size() < 16 * kib;
            pool.deallocate(stacks);
            const bool goes_on = take(pool, 100).size() == 100;
            ::_exit(refused && goes_on && pool.stats().in_use == 100 ? 3 : 4);
        },
        ::testing::ExitedWithCode(3), "");
}
#endif

TEST(stack_pool_death_test, giving_a_stack_back_twice_is_a_bug) {
    EXPECT_DEATH(
        {
            stack_pool pool({});
            const auto stacks = take(pool, 1);
            pool.deallocate(stacks);
            pool.deallocate(stacks);
        },
        "given back twice");
}

}  // namespace
}  // namespace weft::context
