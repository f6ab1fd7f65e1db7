// SPDX-License-Identifier: Apache-2.0
//
// What a preemption costs: CPU time of the kernel thread that is preempted, from its last step
// before to its first one after it. That is the interrupt, the signal's delivery, weft's handler,
// the kernel's switches to the next thread and back, and the return. Since each preemption suspends
// one thread and lets another one go on, which was suspended in the same way, it is all that a
// worker spends on one.
//
// The interrupt is the machine's, and on a virtual one may be most of it. So beside it stands what
// a thread loses that computes while another one sleeps and wakes on its CPU as often.
#include <sys/prctl.h>
#include <weft/fiber.h>
#include <weft/runtime.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include "concurrency.h"
#include "workloads.h"

namespace bench {

namespace {

using std::chrono::microseconds;

constexpr microseconds short_slice(100);

/// Reads the clock of the CPU until `stop`; what was used, in us, each time that `happened` says
/// that what is to be measured has come between two readings.
template <class Happened>
std::vector<double> gaps(const std::atomic<bool>& stop, Happened happened) {
    std::vector<double> found;
    found.reserve(100'000);
    std::vector<double> readings;
    std::int64_t before = thread_cpu_nanoseconds();
    while (!stop.load(std::memory_order_relaxed)) {
        std::int64_t now = thread_cpu_nanoseconds();
        if (happened()) {
            // Perhaps after that reading.
            now = thread_cpu_nanoseconds();
            found.push_back(static_cast<double>(now - before) / 1e3);
        } else if (readings.size() < 1'000) {
            readings.push_back(static_cast<double>(now - before) / 1e3);
        }
        before = now;
    }
    for (double& each : found) {
        each -= 2 * percentile(readings, 50);
    }
    return found;
}

std::vector<double> preemptions(std::chrono::nanoseconds slice, std::chrono::seconds duration) {
    weft::runtime rt({.workers = 1, .slice = slice});
    std::atomic<bool> stop{false};
    std::atomic<int> last{0};
    std::vector<double> found;
    std::vector<double> of_other;
    const auto hog = [&](int me, std::vector<double>& into) {
        into = gaps(stop, [&] { return last.exchange(me, std::memory_order_relaxed) != me; });
    };
    rt.run([&] {
        weft::fiber other([&] { hog(1, of_other); });
        weft::fiber one([&] { hog(0, found); });
        weft::this_fiber::sleep_for(duration);
        stop = true;
    });
    found.insert(found.end(), of_other.begin(), of_other.end());
    return found;
}

std::vector<double> interrupts(microseconds period, std::chrono::seconds duration) {
    std::atomic<bool> stop{false};
    std::atomic<int> wakes{0};
    const std::jthread sleeper([&] {
        ::prctl(PR_SET_TIMERSLACK, 1);
        const auto end = std::chrono::steady_clock::now() + duration;
        while (std::chrono::steady_clock::now() < end) {
            std::this_thread::sleep_for(period);
            wakes.fetch_add(1, std::memory_order_relaxed);
        }
        stop = true;
    });
    int seen = 0;
    return gaps(stop, [&] {
        const int now = wakes.load(std::memory_order_relaxed);
        return std::exchange(seen, now) != now;
    });
}

double median(const std::vector<double>& found) {
    if (found.empty()) {
        throw std::runtime_error("nothing was preempted: the size is too small");
    }
    return percentile(found, 50);
}

}  // namespace

cost preemption(std::size_t size) {
    const std::chrono::seconds duration(size);
    const on_first_cpus one_cpu(1);
    const std::vector<double> found = preemptions(short_slice, duration);
    const double interrupt = median(interrupts(short_slice, duration));
    return {
        .value = median(found),
        .others = {{"beyond_interrupt", median(found) - interrupt},
                   {"interrupt", interrupt},
                   {"usual_slice", median(preemptions(weft::runtime_options().slice, duration))},
                   {"preempted", static_cast<double>(found.size()), "times"}}};
}

}  // namespace bench
