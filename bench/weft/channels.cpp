// SPDX-License-Identifier: Apache-2.0
#include <weft/channel.h>
#include <weft/fiber.h>
#include <weft/runtime.h>
#include <weft/select.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>

#include "workloads.h"

namespace bench {

namespace {

using numbers = weft::channel<std::uint64_t>;

/// What does not arrive would make a fast channel.
void check(std::uint64_t sum, std::size_t size) {
    const std::uint64_t count = size;
    if (sum != count * (count - 1) / 2) {
        std::fprintf(stderr, "a value was lost\n");
        std::exit(1);
    }
}

/// One fiber sends `size` numbers through a channel of `capacity`, another one receives them.
cost send_through(std::size_t capacity, std::size_t size, const weft::runtime_options& options) {
    return weft::run(options, [&] {
        std::uint64_t sum = 0;
        const cost measured = timed(size, [&] {
            const numbers channel(capacity);
            weft::fiber producer([&] {
                for (std::size_t i = 0; i < size; ++i) {
                    channel.send(i);
                }
                channel.close();
            });
            weft::fiber consumer([&] {
                for (const std::uint64_t number : channel) {
                    sum += number;
                }
            });
            producer.join();
            consumer.join();
        });
        check(sum, size);
        return measured;
    });
}

}  // namespace

cost channel(std::size_t size, unsigned workers) {
    return send_through(0, size, {.workers = workers});
}

cost channel_no_preempt(std::size_t size) {
    return send_through(0, size, {.workers = 1, .preempt = false});
}

cost channel_buffered(std::size_t size, unsigned workers) {
    constexpr std::size_t capacity = 128;
    return send_through(capacity, size, {.workers = workers});
}

cost select_two(std::size_t size, unsigned workers) {
    return weft::run({.workers = workers}, [&] {
        std::uint64_t sum = 0;
        const std::size_t half = size / 2;
        const cost measured = timed(2 * half, [&] {
            const std::array<numbers, 2> channels;
            const auto produce = [half](const numbers& to, std::uint64_t first) {
                for (std::size_t i = 0; i < half; ++i) {
                    to.send(2 * i + first);
                }
            };
            weft::fiber even([&] { produce(channels[0], 0); });
            weft::fiber odd([&] { produce(channels[1], 1); });
            weft::fiber consumer([&] {
                const auto add = [&](std::optional<std::uint64_t> number) { sum += *number; };
                for (std::size_t i = 0; i < 2 * half; ++i) {
                    static_cast<void>(weft::select(weft::on_receive(channels[0], add),
                                                   weft::on_receive(channels[1], add)));
                }
            });
            even.join();
            odd.join();
            consumer.join();
        });
        check(sum, 2 * half);
        return measured;
    });
}

}  // namespace bench
