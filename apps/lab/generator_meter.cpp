// SPDX-License-Identifier: Apache-2.0
#include "generator_meter.h"

#include "load_connections.h"

#include <algorithm>
#include <cstdio>
#include <memory>

#include <time.h>

namespace weft::lab {

namespace {

std::int64_t process_cpu_ns() noexcept {
    timespec t{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return std::int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec;
}

/// Time that this thread was runnable and waited for a CPU; 0 where the kernel does not tell.
std::int64_t waiting_ns() noexcept {
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(
        std::fopen("/proc/thread-self/schedstat", "re"), &std::fclose);
    long long running = 0;
    long long waiting = 0;
    if (file == nullptr || std::fscanf(file.get(), "%lld %lld", &running, &waiting) != 2) {
        return 0;
    }
    return waiting;
}

}  // namespace

void generator_meter::start() noexcept {
    waiting_ns_ = waiting_ns();
    cpu_ns_ = process_cpu_ns();
    started_ns_ = now_ns();
}

generator_use generator_meter::stop() const noexcept {
    const auto wall = static_cast<double>(std::max<std::int64_t>(now_ns() - started_ns_, 1));
    return {.cpu_share = static_cast<double>(process_cpu_ns() - cpu_ns_) / wall,
            .waiting_share = static_cast<double>(waiting_ns() - waiting_ns_) / wall};
}

}  // namespace weft::lab
