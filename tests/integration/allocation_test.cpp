// SPDX-License-Identifier: Apache-2.0
//
// What takes no memory from the heap once it is warm: calls that wait, and those that fail. Counted
// is each operator new of the process, so nothing else belongs into this one. One worker and no
// preemption: no other thread of weft's runs meanwhile.
#include <gtest/gtest.h>
#include <weft/channel.h>
#include <weft/co.h>
#include <weft/condition_variable.h>
#include <weft/fiber.h>
#include <weft/future.h>
#include <weft/mutex.h>
#include <weft/scope.h>
#include <weft/select.h>
#include <weft/semaphore.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <mutex>
#include <new>
#include <optional>
#include <span>
#include <utility>

#include "sockets.h"

namespace {

std::atomic<std::uint64_t> allocated{0};

void* allocate(std::size_t size, std::size_t alignment) {
    allocated.fetch_add(1, std::memory_order_relaxed);
    void* const memory = std::aligned_alloc(alignment, (size + alignment) / alignment * alignment);
    if (memory == nullptr) {
        throw std::bad_alloc();
    }
    return memory;
}

}  // namespace

// Not inlined: the compiler would take free() for the wrong counterpart of new.
[[gnu::noinline]] void* operator new(std::size_t size) {
    return allocate(size, __STDCPP_DEFAULT_NEW_ALIGNMENT__);
}
[[gnu::noinline]] void* operator new(std::size_t size, std::align_val_t alignment) {
    return allocate(size, static_cast<std::size_t>(alignment));
}
[[gnu::noinline]] void operator delete(void* memory) noexcept {
    std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept {
    std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::align_val_t) noexcept {
    std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
    std::free(memory);
}

namespace weft {
namespace {

using namespace std::chrono_literals;
using namespace testing;

constexpr std::uint64_t rounds = 300;

/// How often `body` allocates in `rounds` calls after as many others.
template <class Body>
std::uint64_t allocations_of(Body body) {
    for (std::uint64_t i = 0; i < rounds; ++i) {
        body();
    }
    const std::uint64_t before = allocated;
    for (std::uint64_t i = 0; i < rounds; ++i) {
        body();
    }
    return allocated - before;
}

/// `test` on a fiber.
template <class Test>
void on_a_fiber(Test test) {
    run({.workers = 1, .preempt = false}, std::move(test));
}

template <class T>
void allocate_one() {
    T* const made = new T();
    asm volatile("" : : "r"(made) : "memory");  // else the compiler may leave both out
    delete made;
}

TEST(Allocation, IsCounted) {
    struct alignas(64) line {
        std::array<char, 64> bytes;
    };
    EXPECT_EQ(allocations_of([] { allocate_one<int>(); }), rounds);
    EXPECT_EQ(allocations_of([] { allocate_one<line>(); }), rounds);
}

TEST(Allocation, NoneToSpawnAFiber) {
    on_a_fiber([] {
        int ran = 0;
        EXPECT_EQ(allocations_of([&] { fiber([&] { ++ran; }).join(); }), 0U);
        EXPECT_EQ(allocations_of([&] {
                      fiber waits([&] {
                          this_fiber::yield();
                          ++ran;
                      });
                  }),
                  0U);
        EXPECT_EQ(ran, 4 * rounds);
    });
}

TEST(Allocation, NoneForSleepsAndDeadlines) {
    on_a_fiber([] {
        EXPECT_EQ(allocations_of([] { ASSERT_TRUE(this_fiber::sleep_for(10us)); }), 0U);
        EXPECT_EQ(allocations_of([] { this_fiber::yield(); }), 0U);
        EXPECT_EQ(allocations_of([] {
                      const auto slept =
                          with_deadline(10us, [] { return this_fiber::sleep_for(1h); });
                      ASSERT_EQ(slept.error(), std::errc::timed_out);
                  }),
                  0U);
    });
}

TEST(Allocation, NoneInABlockWithAToken) {
    on_a_fiber([] {
        std::stop_source source;
        EXPECT_EQ(allocations_of([&] {
                      with_stop_token(source.get_token(),
                                      [] { ASSERT_TRUE(this_fiber::sleep_for(10us)); });
                  }),
                  0U);
        source.request_stop();
        EXPECT_EQ(allocations_of([&] {
                      const auto slept = with_stop_token(source.get_token(),
                                                         [] { return this_fiber::sleep_for(1h); });
                      ASSERT_EQ(slept.error(), std::errc::operation_canceled);
                  }),
                  0U);
    });
}

TEST(Allocation, NoneInChannels) {
    on_a_fiber([] {
        const channel<int> there;
        const channel<int> back(1);
        fiber peer([&] {
            while (const auto value = there.receive()) {
                ASSERT_TRUE(back.send(*value));
            }
        });
        EXPECT_EQ(allocations_of([&] {
                      ASSERT_TRUE(there.send(1));
                      ASSERT_TRUE(back.receive(safety_net));
                  }),
                  0U);
        EXPECT_EQ(allocations_of([&] {
                      ASSERT_EQ(back.receive(10us).error(), std::errc::timed_out);
                      ASSERT_FALSE(back.try_receive());
                  }),
                  0U);
        there.close();
        EXPECT_EQ(allocations_of([&] { ASSERT_FALSE(there.send(1)); }), 0U);
    });
}

TEST(Allocation, NoneInSelect) {
    on_a_fiber([] {
        const channel<int> there;
        const channel<int> back;
        auto pair = connect_pair(transport::tcp);
        fiber peer([&] {
            while (const auto value = there.receive()) {
                ASSERT_TRUE(back.send(*value));
            }
        });
        const auto nothing = [] {};
        const auto ignore = [](std::optional<int>) {};
        EXPECT_EQ(allocations_of([&] {
                      ASSERT_TRUE(there.send(1));
                      ASSERT_EQ(select(on_receive(back, ignore), on_readable(pair.near, nothing)),
                                0U);
                  }),
                  0U);
        EXPECT_EQ(allocations_of([&] {
                      ASSERT_EQ(select(on_receive(back, ignore), on_readable(pair.near, nothing),
                                       on_deadline(10us, nothing)),
                                2U);
                  }),
                  0U);
        there.close();
    });
}

TEST(Allocation, NoneForWaitsOnLocks) {
    on_a_fiber([] {
        mutex m;
        condition_variable changed;
        int turn = 0;
        counting_semaphore<> asked(0);
        counting_semaphore<> answered(0);
        fiber peer([&] {
            std::unique_lock lock(m);
            for (; turn >= 0; turn = turn == 1 ? 2 : turn) {
                changed.notify_all();
                changed.wait(lock, [&] { return turn == 1 || turn < 0; });
            }
        });
        fiber other([&] {
            for (;;) {
                asked.acquire();
                const std::lock_guard lock(m);
                answered.release();
                if (turn < 0) {
                    return;
                }
            }
        });
        EXPECT_EQ(allocations_of([&] {
                      std::unique_lock lock(m);
                      turn = 1;
                      changed.notify_all();
                      ASSERT_TRUE(changed.wait(lock, safety_net, [&] { return turn == 2; }));
                  }),
                  0U);
        EXPECT_EQ(allocations_of([&] {
                      {
                          const std::lock_guard lock(m);
                          asked.release();
                          this_fiber::yield();  // the other one waits for the lock
                      }
                      answered.acquire();
                      ASSERT_FALSE(answered.try_acquire_for(10us));
                  }),
                  0U);
        {
            const std::lock_guard lock(m);
            turn = -1;
        }
        changed.notify_all();
        asked.release();
    });
}

/// Says and hears a byte, on both sides.
void pass_a_byte(socket& from, socket& to) {
    std::array<std::byte, 16> bytes{};
    ASSERT_TRUE(from.write(std::span(bytes).first(1)));
    ASSERT_TRUE(to.read(bytes, safety_net));
}

TEST(Allocation, NoneForSockets) {
    for (const transport how : {transport::tcp, transport::unix_stream}) {
        on_a_fiber([how] {
            auto pair = connect_pair(how);
            fiber peer([&] {
                std::array<std::byte, 16> bytes{};
                while (pair.far.read(bytes, safety_net).value_or(0) != 0) {
                    ASSERT_TRUE(pair.far.write(std::span(bytes).first(1)));
                }
            });
            EXPECT_EQ(allocations_of([&] { pass_a_byte(pair.near, pair.near); }), 0U);
            std::array<std::byte, 16> bytes{};
            EXPECT_EQ(allocations_of([&] {
                          ASSERT_EQ(pair.near.read(bytes, 10us).error(), std::errc::timed_out);
                      }),
                      0U);
            ASSERT_TRUE(pair.near.shutdown_write());
            peer.join();
            pair.near.close();
            EXPECT_EQ(allocations_of([&] {
                          ASSERT_EQ(pair.near.read(bytes).error(), std::errc::bad_file_descriptor);
                      }),
                      0U);
        });
    }
}

TEST(Allocation, OneForAFuture) {
    on_a_fiber([] {
        EXPECT_EQ(allocations_of([] {
                      promise<int> p;
                      auto f = p.get_future();
                      p.set_value(1);
                      ASSERT_EQ(f.get(), 1);
                  }),
                  rounds);
        EXPECT_EQ(allocations_of([] { ASSERT_EQ(async([] { return 2; }).get(), 2); }), rounds);
    });
}

task<int> add_one(int value) {
    co_await co::yield();
    co_return value + 1;
}

task<int> add_two(int value) {
    co_return co_await add_one(co_await add_one(value));
}

TEST(Allocation, NoneForCoroutines) {
    on_a_fiber([] {
        EXPECT_EQ(allocations_of([] { ASSERT_EQ(spawn(add_two(1)).join(), 3); }), 0U);
        const channel<int> there;
        const channel<int> back;
        auto peer = spawn([](const channel<int>& from, const channel<int>& to) -> task<> {
            while (const auto value = co_await co::receive(from)) {
                co_await co::sleep_for(1us);
                if (!co_await co::send(to, *value)) {
                    co_return;
                }
            }
        }(there, back));
        EXPECT_EQ(allocations_of([&] {
                      ASSERT_TRUE(there.send(1));
                      ASSERT_TRUE(back.receive(safety_net));
                  }),
                  0U);
        there.close();
        peer.join();
    });
}

}  // namespace
}  // namespace weft
