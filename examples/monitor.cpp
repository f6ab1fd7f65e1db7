// SPDX-License-Identifier: Apache-2.0
//
// Shows each 100 ms what a runtime does with fibers that wait, compute, or block in the kernel.
//     monitor [SECONDS]
#include <weft/runtime.h>
#include <weft/scope.h>
#include <weft/select.h>
#include <weft/stats.h>
#include <weft/ticker.h>

#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

using namespace std::chrono_literals;

static void show(const weft::runtime_stats& now) {
    weft::worker_stats sum;
    for (const weft::worker_stats& each : now.workers) {
        sum.dispatched += each.dispatched;
        sum.preempted += each.preempted;
        sum.blocked += each.blocked;
    }
    std::printf("live %ju, kernel threads %ju, switches %ju, preempted %ju, blocked %ju\n",
                now.live, now.kernel_threads, sum.dispatched, sum.preempted, sum.blocked);
}

static void load(weft::scope& s) {
    for (int i = 0; i < 1000; ++i) {
        s.spawn([] { static_cast<void>(weft::this_fiber::sleep_until(weft::deadline::never())); });
    }
    s.spawn([] {
        while (!weft::this_fiber::stop_requested()) {
        }
    });
    s.spawn([] {
        while (!weft::this_fiber::stop_requested()) {
            ::usleep(50'000);  // weft knows nothing of it
        }
    });
}

int main(int argc, char** argv) {
    weft::runtime runtime({.workers = 1});
    const weft::deadline end = std::chrono::seconds(argc > 1 ? std::atoi(argv[1]) : 3);
    runtime.run([&] {
        weft::with_scope([&](weft::scope& s) {
            load(s);
            weft::ticker every(100ms);
            for (bool over = false; !over;) {
                weft::select(weft::on_tick(every, [&](std::uint64_t) { show(runtime.stats()); }),
                             weft::on_deadline(end, [&] { over = true; }));
            }
            s.request_stop();
        });
    });
}
