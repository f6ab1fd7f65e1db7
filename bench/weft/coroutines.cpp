// SPDX-License-Identifier: Apache-2.0
#include <weft/co.h>
#include <weft/fiber.h>
#include <weft/runtime.h>
#include <weft/semaphore.h>
#include <weft/task.h>

#include <algorithm>
#include <coroutine>
#include <stdexcept>
#include <vector>

#include "workloads.h"

namespace bench {

namespace {

constexpr std::size_t batch = 1000;

weft::runtime_options one_worker() {
    weft::runtime_options options;
    options.workers = 1;
    return options;
}

weft::task<> nothing() {
    co_return;
}

weft::task<> wait_for(weft::counting_semaphore<>& release, std::size_t& waiting) {
    ++waiting;
    co_await weft::co::acquire(release);
}

weft::task<std::size_t> leaf(std::size_t n) {
    co_return n;
}

/// As an awaiter of weft's that need not wait.
struct ready_value {
    std::size_t value;

    [[nodiscard]] static bool await_ready() noexcept { return true; }
    static void await_suspend(std::coroutine_handle<>) noexcept {}
    [[nodiscard]] std::size_t await_resume() const noexcept { return value; }
};

template <class Awaited>
weft::task<std::size_t> sum_of(std::size_t size, Awaited make) {
    std::size_t sum = 0;
    for (std::size_t i = 0; i < size; ++i) {
        sum += co_await make(i);
    }
    co_return sum;
}

/// `size` awaits in one coroutine.
template <class Awaited>
cost awaits(std::size_t size, Awaited make) {
    return weft::run(one_worker(), [&] {
        std::size_t sum = 0;
        const cost measured = timed(size, [&] { sum = weft::spawn(sum_of(size, make)).join(); });
        if (sum != size * (size - 1) / 2) {
            throw std::runtime_error("a value was lost");
        }
        return measured;
    });
}

}  // namespace

cost task_call(std::size_t size) {
    return awaits(size, [](std::size_t i) { return leaf(i); });
}

cost await_ready_value(std::size_t size) {
    return awaits(size, [](std::size_t i) { return ready_value{i}; });
}

cost spawn_coroutine(std::size_t size) {
    return weft::run(one_worker(), [&] {
        std::vector<weft::task_handle<>> alive;
        alive.reserve(batch);
        return timed(size, [&] {
            for (std::size_t done = 0; done < size; done += batch) {
                const std::size_t count = std::min(batch, size - done);
                for (std::size_t i = 0; i < count; ++i) {
                    alive.push_back(weft::spawn(nothing()));
                }
                for (auto& one : alive) {
                    one.join();
                }
                alive.clear();
            }
        });
    });
}

cost parked_coroutine(std::size_t size) {
    return weft::run(one_worker(), [&] {
        weft::counting_semaphore<> release(0);
        std::size_t waiting = 0;
        std::vector<weft::task_handle<>> all(size);
        const auto before = memory_bytes();
        for (auto& one : all) {
            one = weft::spawn(wait_for(release, waiting));
        }
        while (waiting < size) {
            weft::this_fiber::yield();
        }
        const auto after = memory_bytes();
        release.release(static_cast<std::ptrdiff_t>(size));
        for (auto& one : all) {
            one.join();
        }
        return cost{.value = static_cast<double>(after - before) / static_cast<double>(size)};
    });
}

}  // namespace bench
