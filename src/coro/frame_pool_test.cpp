// SPDX-License-Identifier: Apache-2.0
#include "coro/frame_pool.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <memory>
#include <set>
#include <thread>
#include <vector>

#include "base/rng.h"

namespace weft::coro {
namespace {

using pool = frame_pool;

// The lists are the process's: each test takes a size of its own.

std::vector<void*> take(std::size_t count, std::size_t size) {
    std::vector<void*> frames(count);
    for (void*& frame : frames) {
        frame = pool::allocate(size);
        std::memset(frame, 0x5a, size);
    }
    return frames;
}

void give(const std::vector<void*>& frames, std::size_t size) {
    for (void* const frame : frames) {
        pool::free(frame, size);
    }
}

TEST(FramePool, ReusesTheFrameThatWasFreedLast) {
    constexpr std::size_t size = 64;
    void* const first = pool::allocate(size);
    void* const second = pool::allocate(size - 10);  // of the same class
    EXPECT_NE(first, second);
    pool::free(first, size);
    pool::free(second, size - 10);
    EXPECT_EQ(pool::allocate(size), second);
    EXPECT_EQ(pool::allocate(1), first);
    pool::free(first, 1);
    pool::free(second, size);
}

TEST(FramePool, FramesAreAlignedAndApart) {
    base::rng random(3);
    std::vector<std::pair<unsigned char*, std::size_t>> live;
    for (int i = 0; i < 20'000; ++i) {
        if (live.size() < 200 && random.below(2) == 0) {
            const std::size_t size = random.below(2 * pool::largest) + 1;
            auto* const frame = static_cast<unsigned char*>(pool::allocate(size));
            EXPECT_EQ(reinterpret_cast<std::uintptr_t>(frame) % 16, 0u);
            std::memset(frame, static_cast<int>(size % 251), size);
            live.emplace_back(frame, size);
        } else if (!live.empty()) {
            std::swap(live[random.below(static_cast<std::uint32_t>(live.size()))], live.back());
            const auto [frame, size] = live.back();
            live.pop_back();
            ASSERT_EQ(frame[0], size % 251);
            ASSERT_EQ(frame[size - 1], size % 251);
            pool::free(frame, size);
        }
    }
    for (const auto& [frame, size] : live) {
        pool::free(frame, size);
    }
}

TEST(FramePool, TrimFreesWhatWasNotNeededSinceTheLastOne) {
    constexpr std::size_t size = 832;
    const std::size_t many = pool::most_local + 5 * pool::batch;
    pool::trim();
    give(take(many, size), size);
    const std::size_t kept = pool::shared_frames(size);
    EXPECT_GE(kept, 5 * pool::batch);
    pool::trim();
    EXPECT_EQ(pool::shared_frames(size), kept) << "they were in use";
    // Two batches are needed: a thread that has none takes them.
    std::thread([&] { give(take(2 * pool::batch, size), size); }).join();
    const std::size_t after = pool::shared_frames(size);
    pool::trim();
    EXPECT_EQ(pool::shared_frames(size), after - (kept - 2 * pool::batch));
    pool::trim();
    EXPECT_EQ(pool::shared_frames(size), 0u);
    give(take(many, size), size);
}

TEST(FramePool, ALongListGoesToTheOthers) {
    constexpr std::size_t size = 192;
    const std::size_t before = pool::shared_frames(size);
    const auto frames = take(pool::most_local, size);
    give(frames, size);
    EXPECT_EQ(pool::shared_frames(size), before + pool::batch);
    std::thread([&] {
        const std::set<void*> known(frames.begin(), frames.end());
        const auto taken = take(pool::batch, size);
        for (void* const frame : taken) {
            EXPECT_TRUE(known.contains(frame));
        }
        EXPECT_EQ(pool::shared_frames(size), before);
        give(taken, size);
    }).join();
}

TEST(FramePool, TheSharedListIsBounded) {
    constexpr std::size_t size = 256;
    constexpr std::size_t most = pool::batch * pool::most_batches;
    give(take(most + 10 * pool::batch, size), size);
    EXPECT_EQ(pool::shared_frames(size), most);
    give(take(2 * most, size), size);
    EXPECT_EQ(pool::shared_frames(size), most);
}

TEST(FramePool, OneThreadTakesAnotherGives) {
    constexpr std::size_t size = 320;
    constexpr int rounds = 200;
    for (int i = 0; i < rounds; ++i) {
        const auto frames = take(50, size);
        std::thread([&] { give(frames, size); }).join();
    }
    EXPECT_LE(pool::shared_frames(size), pool::batch * pool::most_batches);
}

TEST(FramePool, SeveralThreadsAtOnce) {
    constexpr std::size_t size = 384;
    std::vector<std::thread> threads;
    for (int t = 0; t < 3; ++t) {
        threads.emplace_back([] {
            for (std::size_t i = 0; i < 300; ++i) {
                give(take(i % 150, size), size);
            }
        });
    }
    for (auto& each : threads) {
        each.join();
    }
    EXPECT_LE(pool::shared_frames(size), pool::batch * pool::most_batches);
}

struct frees_late {
    void* frame = nullptr;
    ~frees_late() { pool::free(frame, 448); }
};

TEST(FramePool, FramesAreFreedByDestructorsOfThreadLocals) {
    std::thread([] {
        thread_local frees_late late;  // constructed before the pool's own, destroyed after it
        late.frame = nullptr;
        late.frame = pool::allocate(448);
        pool::free(pool::allocate(448), 448);
    }).join();
}

TEST(FramePool, LargeFramesBypassIt) {
    void* const frame = pool::allocate(pool::largest + 1);
    std::memset(frame, 1, pool::largest + 1);
    pool::free(frame, pool::largest + 1);
}

}  // namespace
}  // namespace weft::coro
