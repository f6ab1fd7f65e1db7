// SPDX-License-Identifier: Apache-2.0
//
// Timers as a program has them: waits with a deadline, half of which end before it.
#include <weft/co.h>
#include <weft/fiber.h>
#include <weft/latch.h>
#include <weft/runtime.h>
#include <weft/task.h>
#include <weft/wait_group.h>

#include <chrono>
#include <stdexcept>
#include <system_error>

#include "workloads.h"

namespace bench {

namespace {

using namespace std::chrono_literals;

struct timers {
    weft::event cancel;
    weft::event never;
    weft::wait_group armed;
    weft::wait_group ended;
    std::size_t fired = 0;

    weft::task<> cancelled(weft::deadline until) {
        armed.done();
        const auto outcome = co_await weft::co::wait(cancel, until);
        fired += outcome ? 0 : 1;
        ended.done();
    }

    weft::task<> fires(weft::deadline until) {
        armed.done();
        const auto outcome = co_await weft::co::wait(never, until);
        fired += outcome ? 0 : 1;
        ended.done();
    }
};

}  // namespace

cost timers_half_cancelled(std::size_t size) {
    return weft::run({.workers = 1}, [&] {
        timers all;
        const std::size_t half = size / 2;
        const cost measured = timed(2 * half, [&] {
            all.armed.add(2 * half);
            all.ended.add(2 * half);
            // As far apart as those of clients who come one after the other.
            const auto start = weft::clock::now() + 1s;
            for (std::size_t i = 0; i < half; ++i) {
                const auto apart = std::chrono::microseconds(i % 100'000);
                weft::spawn(all.cancelled(start + 1h + apart)).detach();
                weft::spawn(all.fires(start + apart)).detach();
            }
            all.armed.wait();
            all.cancel.set();
            all.ended.wait();
        });
        if (all.fired != half) {
            throw std::runtime_error("a timer fired that was cancelled, or one did not");
        }
        return measured;
    });
}

}  // namespace bench
