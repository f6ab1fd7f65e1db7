// SPDX-License-Identifier: Apache-2.0
//
// One that never waits wakes another one again and again, on one CPU: however often that is, the
// one that is woken must get its share. After LTP's sched/cfs-scheduler/starvation, where a process
// sends signals to its parent without end and the parent must have taken 2 million of them in 240
// seconds; a wake-up by a semaphore stands for the signal. As with signals, waking one that has
// not yet noticed the last time does nothing.
#include <atomic>

#include "concurrency.h"
#include "workloads.h"

namespace bench {

namespace {

template <class Model>
cost wake_without_end(std::size_t times) {
    return Model::run(1, [times] {
        std::atomic<bool> stop{false};
        std::atomic<bool> noticed{true};
        typename Model::semaphore posted(0);
        cost result = timed(times, [&] {
            typename Model::thread waker([&] {
                while (!stop.load(std::memory_order_relaxed)) {
                    if (noticed.exchange(false)) {
                        posted.release();
                    }
                }
            });
            for (std::size_t i = 0; i < times; ++i) {
                posted.acquire();
                noticed = true;
            }
            stop = true;
        });
        result.value /= 1e3;
        result.wall /= 1e3;
        return result;
    });
}

}  // namespace

cost starvation(std::size_t size) {
    return wake_without_end<fibers>(size);
}

cost starvation_thread(std::size_t size) {
    return wake_without_end<kernel_threads>(size);
}

}  // namespace bench
