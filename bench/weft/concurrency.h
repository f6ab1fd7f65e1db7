// SPDX-License-Identifier: Apache-2.0
//
// What a benchmark of behaviour needs, once as weft's fibers and once as kernel threads, so that
// its code is a template over the two and the same for both.
#pragma once

#include <sched.h>
#include <weft/fiber.h>
#include <weft/mutex.h>
#include <weft/runtime.h>
#include <weft/semaphore.h>

#include <cerrno>
#include <chrono>
#include <mutex>
#include <semaphore>
#include <system_error>
#include <thread>
#include <utility>

namespace bench {

/// Keeps the calling thread, and those that it starts, on the first of the CPUs that it may use.
class on_first_cpus {
public:
    explicit on_first_cpus(unsigned count) {
        ::sched_getaffinity(0, sizeof usual_, &usual_);
        cpu_set_t first;
        CPU_ZERO(&first);
        for (int cpu = 0; cpu < CPU_SETSIZE && count > 0; ++cpu) {
            if (CPU_ISSET(cpu, &usual_)) {
                CPU_SET(cpu, &first);
                --count;
            }
        }
        if (::sched_setaffinity(0, sizeof first, &first) != 0) {
            throw std::system_error(errno, std::generic_category(), "sched_setaffinity");
        }
    }
    ~on_first_cpus() { ::sched_setaffinity(0, sizeof usual_, &usual_); }
    on_first_cpus(const on_first_cpus&) = delete;
    on_first_cpus& operator=(const on_first_cpus&) = delete;

private:
    cpu_set_t usual_{};
};

struct fibers {
    using thread = weft::fiber;
    using mutex = weft::mutex;
    using semaphore = weft::counting_semaphore<>;

    /// `main()` on so many CPUs, with as many workers.
    template <class Main>
    static auto run(unsigned cpus, Main main) {
        const on_first_cpus here(cpus);
        return weft::run({.workers = cpus}, std::move(main));
    }

    static void sleep_for(std::chrono::nanoseconds duration) {
        weft::this_fiber::sleep_for(duration);
    }
};

struct kernel_threads {
    using thread = std::jthread;
    using mutex = std::mutex;
    using semaphore = std::counting_semaphore<>;

    /// `main()` on so many CPUs.
    template <class Main>
    static auto run(unsigned cpus, Main main) {
        const on_first_cpus here(cpus);
        return main();
    }

    static void sleep_for(std::chrono::nanoseconds duration) {
        std::this_thread::sleep_for(duration);
    }
};

}  // namespace bench
