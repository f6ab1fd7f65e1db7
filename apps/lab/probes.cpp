// SPDX-License-Identifier: Apache-2.0
#include "probes.h"

#include "child_process.h"
#include "control_channel.h"
#include "json_counts.h"
#include "load_connections.h"
#include "system_calls.h"

#include <array>
#include <chrono>
#include <semaphore>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include <poll.h>
#include <sched.h>
#include <nlohmann/json.hpp>

#include <weft/fiber.h>
#include <weft/runtime.h>
#include <weft/semaphore.h>

namespace weft::lab {

namespace {

using namespace std::chrono_literals;
using nlohmann::json;

constexpr auto longest = 60s;
constexpr int batches = 15;
constexpr int threads_per_batch = 100;
constexpr int switches_per_batch = 2'000;
constexpr int fibers_at_once = 500;
constexpr int fibers_per_batch = 2'000;
constexpr int yields_per_batch = 50'000;
constexpr std::uint64_t many_fibers = 10'000;

/// Nanoseconds per piece, batch after batch; the first one warms up.
template <class Batch>
std::vector<double> timed(int pieces, Batch batch) {
    std::vector<double> nanoseconds;
    batch();
    for (int i = 0; i < batches; ++i) {
        const std::int64_t started = now_ns();
        batch();
        nanoseconds.push_back(static_cast<double>(now_ns() - started) / pieces);
    }
    return nanoseconds;
}

probe thread_create() {
    return {.name = "thread.create", .live = 0, .nanoseconds = timed(threads_per_batch, [] {
                                                    for (int i = 0; i < threads_per_batch; ++i) {
                                                        std::thread([] {}).join();
                                                    }
                                                })};
}

/// On one CPU: each hands over to the other and the kernel switches.
probe thread_switch() {
    std::binary_semaphore ping(0);
    std::binary_semaphore pong(0);
    cpu_set_t before;
    cpu_set_t one;
    CPU_ZERO(&before);
    CPU_ZERO(&one);
    ::sched_getaffinity(0, sizeof before, &before);
    CPU_SET(::sched_getcpu(), &one);
    ::sched_setaffinity(0, sizeof one, &one);  // the other thread inherits it
    constexpr int rounds = (batches + 1) * switches_per_batch / 2;
    std::jthread other([&] {
        for (int i = 0; i < rounds; ++i) {
            ping.acquire();
            pong.release();
        }
    });
    auto nanoseconds = timed(switches_per_batch, [&] {
        for (int i = 0; i < switches_per_batch / 2; ++i) {
            ping.release();
            pong.acquire();
        }
    });
    ::sched_setaffinity(0, sizeof before, &before);
    return {.name = "thread.switch", .live = 2, .nanoseconds = std::move(nanoseconds)};
}

std::vector<double> time_fiber_creation() {
    std::vector<fiber> batch;
    batch.reserve(fibers_at_once);
    return timed(fibers_per_batch, [&batch] {
        for (int done = 0; done < fibers_per_batch; done += fibers_at_once) {
            for (int i = 0; i < fibers_at_once; ++i) {
                batch.push_back(spawn([] {}));
            }
            for (fiber& one : batch) {
                one.join();
            }
            batch.clear();
        }
    });
}

void fiber_create(std::vector<probe>& out) {
    out.push_back({.name = "fiber.create", .live = 0, .nanoseconds = time_fiber_creation()});
    counting_semaphore<> parked_until(0);
    std::vector<fiber> parked;
    for (std::uint64_t i = 0; i < many_fibers; ++i) {
        parked.push_back(spawn([&parked_until] { parked_until.acquire(); }));
    }
    this_fiber::yield();
    out.push_back(
        {.name = "fiber.create", .live = many_fibers, .nanoseconds = time_fiber_creation()});
    parked_until.release(static_cast<std::ptrdiff_t>(many_fibers));
}

probe fiber_switch() {
    constexpr int turns = (batches + 1) * yields_per_batch / 2;
    fiber other = spawn([] {
        for (int i = 0; i < turns; ++i) {
            this_fiber::yield();
        }
    });
    auto nanoseconds = timed(yields_per_batch, [] {
        for (int i = 0; i < yields_per_batch / 2; ++i) {
            this_fiber::yield();
        }
    });
    other.join();
    return {.name = "fiber.switch", .live = 2, .nanoseconds = std::move(nanoseconds)};
}

std::vector<probe> all_probes() {
    std::vector<probe> probes{thread_create(), thread_switch()};
    weft::run(runtime_options{.workers = 1}, [&probes] {
        fiber_create(probes);
        probes.push_back(fiber_switch());
    });
    return probes;
}

std::vector<probe> probes_from(const json& list) {
    std::vector<probe> probes;
    for (const json& one : list) {
        probes.push_back({.name = one.at("name").get<std::string>(),
                          .live = count_at(one, "live"),
                          .nanoseconds = one.at("nanoseconds").get<std::vector<double>>()});
    }
    return probes;
}

}  // namespace

std::expected<std::vector<probe>, outcome> run_probes(const interrupts& signals) {
    auto child = child_process::start({"_probe"});
    if (!child) {
        return std::unexpected(failed_outcome("starting the probes: " + child.error().message()));
    }
    std::array<pollfd, 2> either{{{.fd = signals.fd(), .events = POLLIN, .revents = 0},
                                  {.fd = child->control().fd(), .events = POLLIN, .revents = 0}}};
    const deadline until(longest);
    while (::poll(either.data(), either.size(), milliseconds_until(until)) <= 0 &&
           !until.expired()) {
    }
    if (signals.requested()) {
        return std::unexpected(interrupted_outcome());
    }
    const auto answer = child->control().receive(until);
    if (!answer && answer.error() == std::errc::timed_out) {
        return std::unexpected(failed_outcome("the probes did not end in time"));
    }
    if (!answer || !answer->contains("probes")) {
        return std::unexpected(failed_outcome("the probes died: " + child->stderr_tail()));
    }
    try {
        return probes_from((*answer)["probes"]);
    } catch (const json::exception& error) {
        return std::unexpected(failed_outcome(std::string("the probes' report: ") + error.what()));
    }
}

int run_probe_host(int control_fd) {
    control_channel control(control_fd);
    json list = json::array();
    try {
        for (const probe& one : all_probes()) {
            list.push_back(
                {{"name", one.name}, {"live", one.live}, {"nanoseconds", one.nanoseconds}});
        }
    } catch (const std::system_error&) {
        return 1;  // no threads to be had: the run goes on without
    }
    return control.send({{"probes", std::move(list)}}) ? 0 : 1;
}

}  // namespace weft::lab
