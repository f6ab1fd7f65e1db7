// SPDX-License-Identifier: Apache-2.0
#include <weft/fiber.h>
#include <weft/runtime.h>
#include <weft/semaphore.h>
#include <weft/wait_group.h>

#include <algorithm>
#include <chrono>
#include <vector>

#include "workloads.h"

namespace bench {

namespace {

constexpr std::size_t batch = 1000;

weft::runtime_options workers(unsigned count) {
    weft::runtime_options options;
    options.workers = count;
    return options;
}

cost yield_on(const weft::runtime_options& options, std::size_t size) {
    const auto body = [size] {
        for (std::size_t i = 0; i < size; ++i) {
            weft::this_fiber::yield();
        }
    };
    return weft::run(options, [&] {
        return timed(2 * size, [&] {
            weft::fiber first(body);
            weft::fiber second(body);
            first.join();
            second.join();
        });
    });
}

cost ping_pong_on(const weft::runtime_options& options, std::size_t size) {
    return weft::run(options, [&] {
        weft::binary_semaphore ping(0);
        weft::binary_semaphore pong(0);
        return timed(2 * size, [&] {
            weft::fiber other([&] {
                for (std::size_t i = 0; i < size; ++i) {
                    ping.acquire();
                    pong.release();
                }
            });
            for (std::size_t i = 0; i < size; ++i) {
                ping.release();
                pong.acquire();
            }
        });
    });
}

}  // namespace

cost yield(std::size_t size) {
    weft::runtime_options options = workers(1);
    options.fifo = true;
    return yield_on(options, size);
}

cost yield_fair(std::size_t size) {
    return yield_on(workers(1), size);
}

cost yield_no_preempt(std::size_t size) {
    return yield_on({.workers = 1, .preempt = false}, size);
}

cost semaphore_ping_pong(std::size_t size) {
    return ping_pong_on(workers(1), size);
}

cost semaphore_ping_pong_no_preempt(std::size_t size) {
    return ping_pong_on({.workers = 1, .preempt = false}, size);
}

cost semaphore_ping_pong_fifo(std::size_t size) {
    return ping_pong_on({.workers = 1, .fifo = true}, size);
}

cost spawn(std::size_t size) {
    return weft::run(workers(1), [&] {
        std::vector<weft::fiber> alive(batch);
        return timed(size, [&] {
            for (std::size_t done = 0; done < size; done += batch) {
                const std::size_t count = std::min(batch, size - done);
                for (std::size_t i = 0; i < count; ++i) {
                    alive[i] = weft::spawn([] {});
                }
                for (std::size_t i = 0; i < count; ++i) {
                    alive[i].join();
                }
            }
        });
    });
}

cost spawn_wait_group(std::size_t size) {
    return weft::run(workers(1), [&] {
        weft::wait_group all;
        return timed(size, [&] {
            for (std::size_t done = 0; done < size; done += batch) {
                const std::size_t count = std::min(batch, size - done);
                all.add(count);
                for (std::size_t i = 0; i < count; ++i) {
                    weft::spawn([&all] { all.done(); }).detach();
                }
                all.wait();
            }
        });
    });
}

cost parked(std::size_t size) {
    return weft::run(workers(1), [&] {
        weft::counting_semaphore<> release(0);
        std::size_t waiting = 0;
        // The handles are the program's, not the fibers': touched before the first reading.
        std::vector<weft::fiber> all(size);
        const auto before = memory_bytes();
        for (weft::fiber& one : all) {
            one = weft::spawn([&] {
                ++waiting;
                release.acquire();
            });
        }
        // One worker: a fiber that has counted itself is parked when this one runs again.
        while (waiting < size) {
            weft::this_fiber::yield();
        }
        const auto after = memory_bytes();
        release.release(static_cast<std::ptrdiff_t>(size));
        for (weft::fiber& one : all) {
            one.join();
        }
        return cost{.value = static_cast<double>(after - before) / static_cast<double>(size)};
    });
}

cost idle(std::size_t size) {
    return weft::run(workers(2), [&] {
        // Both workers have had something to do before they have nothing to do.
        std::vector<weft::fiber> some(batch);
        for (weft::fiber& one : some) {
            one = weft::spawn([] { weft::this_fiber::yield(); });
        }
        for (weft::fiber& one : some) {
            one.join();
        }
        const auto before = cpu_nanoseconds();
        weft::this_fiber::sleep_for(std::chrono::seconds(size));
        return cost{.value = static_cast<double>(cpu_nanoseconds() - before) / 1e6};
    });
}

}  // namespace bench
