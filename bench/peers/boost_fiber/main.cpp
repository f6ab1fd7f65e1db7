// SPDX-License-Identifier: Apache-2.0
//
// The workloads on Boost.Fiber, on one thread with its default scheduler (round_robin), written as
// its documentation advises: stacks from a pool where fibers come and go. Its default stack of
// 128 KiB is replaced by weft's 64 KiB, so that both reserve the same.
#include <algorithm>
#include <boost/fiber/all.hpp>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <vector>

#include "common/harness.h"

namespace {

namespace fibers = boost::fibers;

constexpr std::size_t stack_size = 64 * 1024;
constexpr std::size_t batch = 1000;

bench::cost yield(std::size_t size) {
    const auto body = [size] {
        for (std::size_t i = 0; i < size; ++i) {
            boost::this_fiber::yield();
        }
    };
    return bench::timed(2 * size, [&] {
        fibers::fiber first(body);
        fibers::fiber second(body);
        first.join();
        second.join();
    });
}

bench::cost spawn(std::size_t size) {
    fibers::pooled_fixedsize_stack stacks(stack_size);
    std::vector<fibers::fiber> alive(batch);
    return bench::timed(size, [&] {
        for (std::size_t done = 0; done < size; done += batch) {
            const std::size_t count = std::min(batch, size - done);
            for (std::size_t i = 0; i < count; ++i) {
                alive[i] = fibers::fiber(std::allocator_arg, stacks, [] {});
            }
            for (std::size_t i = 0; i < count; ++i) {
                alive[i].join();
            }
        }
    });
}

bench::cost parked(std::size_t size) {
    fibers::mutex lock;
    fibers::condition_variable released;
    bool release = false;
    std::size_t waiting = 0;
    std::vector<fibers::fiber> all(size);
    const auto before = bench::memory_bytes();
    for (auto& one : all) {
        one = fibers::fiber(std::allocator_arg, fibers::fixedsize_stack(stack_size), [&] {
            std::unique_lock held(lock);
            ++waiting;
            released.wait(held, [&] { return release; });
        });
    }
    while (waiting < size) {
        boost::this_fiber::yield();
    }
    const auto after = bench::memory_bytes();
    {
        std::unique_lock held(lock);
        release = true;
    }
    released.notify_all();
    for (auto& one : all) {
        one.join();
    }
    return {.value = static_cast<double>(after - before) / static_cast<double>(size)};
}

/// One fiber sends `size` numbers through `channel`, another one receives them.
template <class Channel>
bench::cost send_through(Channel& channel, std::size_t size) {
    std::uint64_t sum = 0;
    const bench::cost measured = bench::timed(size, [&] {
        fibers::fiber producer([&] {
            for (std::size_t i = 0; i < size; ++i) {
                channel.push(i);
            }
            channel.close();
        });
        fibers::fiber consumer([&] {
            for (const std::uint64_t number : channel) {
                sum += number;
            }
        });
        producer.join();
        consumer.join();
    });
    const std::uint64_t count = size;
    if (sum != count * (count - 1) / 2) {
        std::fprintf(stderr, "a value was lost\n");
        std::exit(1);
    }
    return measured;
}

bench::cost channel(std::size_t size) {
    fibers::unbuffered_channel<std::uint64_t> channel;
    return send_through(channel, size);
}

bench::cost channel_buffered(std::size_t size) {
    constexpr std::size_t capacity = 128;
    fibers::buffered_channel<std::uint64_t> channel(capacity);
    return send_through(channel, size);
}

}  // namespace

int main(int argc, char** argv) {
    const std::vector<bench::workload> workloads{
        {.name = "yield", .unit = "ns", .default_size = 2'000'000, .run = yield},
        {.name = "spawn", .unit = "ns", .default_size = 1'000'000, .run = spawn},
        {.name = "parked", .unit = "bytes", .default_size = 100'000, .once = true, .run = parked},
        {.name = "channel", .unit = "ns", .default_size = 2'000'000, .run = channel},
        {.name = "channel-buffered",
         .unit = "ns",
         .default_size = 5'000'000,
         .run = channel_buffered},
    };
    return bench::run_main("boost_fiber", workloads, argc, argv);
}
