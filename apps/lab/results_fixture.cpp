// SPDX-License-Identifier: Apache-2.0
#include "results_fixture.h"

#include <utility>

namespace weft::lab {

namespace {

constexpr std::uint64_t clients = 10'000;
constexpr std::uint64_t kib = 1024;

memory_use memory_of(std::uint64_t own, std::uint64_t reserved, std::uint64_t kernel) {
    return {.virtual_bytes = reserved,
            .resident_bytes = own,
            .proportional_bytes = own,
            .private_bytes = own,
            .page_table_bytes = kernel / 4,
            .kernel_stack_bytes = kernel / 4,
            .socket_bytes = std::uint64_t{0},
            .slab_bytes = kernel / 2};
}

load_phase load_of(double rate, double cpu_us, double p99_us, std::uint64_t switches) {
    load_phase phase{.clients = clients, .active_clients = clients};
    phase.requests = static_cast<std::uint64_t>(rate * 2);
    phase.seconds = 2;
    phase.requests_per_s = rate;
    phase.latency = {.count = phase.requests,
                     .mean_us = p99_us / 2,
                     .p50_us = p99_us / 2,
                     .p90_us = p99_us * 0.9,
                     .p99_us = p99_us,
                     .p999_us = p99_us * 2,
                     .max_us = p99_us * 3};
    phase.histogram = {{.us = p99_us / 2, .count = phase.requests / 2},
                       {.us = p99_us * 3, .count = phase.requests - phase.requests / 2}};
    phase.server.user_seconds = cpu_us * static_cast<double>(phase.requests) / 4e6;
    phase.server.system_seconds = cpu_us * static_cast<double>(phase.requests) * 3 / 4e6;
    phase.server.voluntary_switches = switches;
    phase.cpu_us_per_request = cpu_us;
    phase.load_cpu_share = 0.5;
    return phase;
}

struct cost {
    model_id model;
    std::uint64_t own;
    std::uint64_t reserved;
    std::uint64_t kernel;
    double cpu_us;
    std::uint64_t processes;
    std::uint64_t threads;
};

constexpr cost costs[] = {
    {model_id::process, 40 * kib, 8192 * kib, 80 * kib, 20, clients + 1, clients + 1},
    {model_id::thread, 8 * kib, 8192 * kib, 32 * kib, 18, 1, clients + 2},
    {model_id::fiber, 4 * kib, 64 * kib, 8 * kib, 9, 1, 3},
    {model_id::coroutine, 1 * kib, 2 * kib, 8 * kib, 8, 1, 3},
};

repeat repeat_of(const cost& of, unsigned index) {
    const double factor = index == 1 ? 1 : 1.1;
    repeat one;
    one.index = index;
    one.connect = connect_phase{};
    one.connect->clients_asked = clients;
    one.connect->clients = clients;
    one.connect->seconds = 1;
    one.connect->rate_per_s = 10'000 * factor;
    one.connect->latency = {.count = clients, .mean_us = 1, .p50_us = 1, .p99_us = 5, .max_us = 9};
    one.idle = idle_phase{};
    one.idle->clients = clients;
    one.idle->before = memory_of(0, 0, 0);
    one.idle->server.memory =
        memory_of(of.own * clients, of.reserved * clients, of.kernel * clients);
    one.idle->server.processes = of.processes;
    one.idle->server.threads = of.threads;
    const std::uint64_t switches = of.model == model_id::fiber ? 100 : 100'000;
    one.closed = load_of(50'000 * factor, of.cpu_us * factor, 200'000, switches);
    one.open = load_of(25'000, of.cpu_us, 2'000, switches);
    one.open->rate_asked_per_s = 25'000;
    one.idle_majority = load_of(40'000, of.cpu_us, 1'000, switches);
    one.idle_majority->active_clients = clients / 100;
    return one;
}

}  // namespace

results invented_results() {
    results run;
    run.run.started_at = "2026-01-02T03:04:05+00:00";
    run.run.elapsed_seconds = 60;
    run.run.weft_version = "0.1.0";
    run.run.command_line = "weft clients";
    run.run.seed = 1;
    run.run.repeats = 2;
    run.run.clients_asked = clients;
    run.run.clients = clients;
    run.run.message_bytes = 64;
    run.run.handler = "echo";
    run.run.duration_seconds = 2;
    run.run.machine.kernel = "6.1.0";
    run.run.machine.cpu_model = "A <CPU> & more";
    run.run.machine.cores = 2;
    run.run.machine.memory_bytes = std::uint64_t{16} << 30;
    for (const cost& of : costs) {
        run.run.order.push_back(of.model);
        model_result model{.model = of.model, .outcome = {}, .clients = clients};
        if (of.model == model_id::fiber || of.model == model_id::coroutine) {
            model.workers = 2;
        }
        model.repeats = {repeat_of(of, 1), repeat_of(of, 2)};
        run.models.push_back(std::move(model));
    }
    return run;
}

}  // namespace weft::lab
