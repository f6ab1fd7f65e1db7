// SPDX-License-Identifier: Apache-2.0
#include "phases.h"

#include "machine_info.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "summary.h"
#include "units.h"

namespace weft::lab {

namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

constexpr auto longest_warm_up = 500ms;
constexpr auto longest_grace = 120s;
constexpr std::uint64_t clients_per_active = 100;
constexpr std::uint64_t clients_per_poison = 1000;

/// From these shares on a phase is called disturbed.
constexpr double disturbing_steal_percent = 5;
constexpr double disturbing_foreign_percent = 10;

nanoseconds from_seconds(double seconds) {
    return nanoseconds(std::llround(seconds * 1e9));
}

nanoseconds warm_up_of(const clients_options& options) {
    return std::min<nanoseconds>(longest_warm_up, from_seconds(options.duration_seconds / 2));
}

std::chrono::milliseconds idle_time_of(const clients_options& options) {
    return std::chrono::milliseconds(
        std::clamp(std::llround(options.duration_seconds * 300), 200LL, 1500LL));
}

double us(std::int64_t ns) {
    return static_cast<double>(ns) / 1000;
}

latency_summary summary_of(const histogram& measured) {
    return {.count = measured.count(),
            .mean_us = measured.mean() / 1000,
            .p50_us = us(measured.quantile(0.5)),
            .p90_us = us(measured.quantile(0.9)),
            .p99_us = us(measured.quantile(0.99)),
            .p999_us = us(measured.quantile(0.999)),
            .max_us = us(measured.maximum())};
}

std::vector<histogram_bucket> buckets_of(const histogram& measured) {
    std::vector<histogram_bucket> buckets;
    for (const auto& [bound_ns, count] : measured.buckets()) {
        buckets.push_back({.us = us(bound_ns), .count = count});
    }
    return buckets;
}

double seconds_between(std::uint64_t before_ns, std::uint64_t after_ns) {
    return after_ns > before_ns ? static_cast<double>(after_ns - before_ns) / 1e9 : 0;
}

/// What this run itself used of the CPUs: servers, load generators, orchestrator.
double own_seconds(const readings& before, const readings& after) {
    return seconds_between(before.own_ns, after.own_ns) +
           seconds_between(before.taken.totals.cpu_ns, after.taken.totals.cpu_ns);
}

}  // namespace

std::string_view name_of(phase_kind kind) noexcept {
    switch (kind) {
        case phase_kind::connect:
            return "connect";
        case phase_kind::idle:
            return "idle";
        case phase_kind::closed:
            return "closed loop";
        case phase_kind::open:
            return "open loop";
        case phase_kind::idle_majority:
            return "idle majority";
        case phase_kind::poison:
            return "poison";
    }
    std::unreachable();
}

double expected_seconds(phase_kind kind, model_id model, const clients_options& options) noexcept {
    const auto clients = static_cast<double>(options.clients);
    // The readings of /proc at the end of each phase: a file or more per process and thread.
    const double reading = model == model_id::process  ? clients / 20'000
                           : model == model_id::thread ? clients / 50'000
                                                       : 0;
    switch (kind) {
        case phase_kind::connect:
            return 0.3 + reading + clients / (model == model_id::process ? 3'000 : 12'000);
        case phase_kind::idle:
            return reading + std::chrono::duration<double>(idle_time_of(options)).count();
        case phase_kind::closed:
        case phase_kind::open:
        case phase_kind::idle_majority:
            return 0.2 + reading + options.duration_seconds +
                   std::chrono::duration<double>(warm_up_of(options)).count();
        case phase_kind::poison:
            return 1 + reading;
    }
    return 1;
}

/// How long the last answers may take after the window: as long as a whole wave of requests.
nanoseconds phase_runner::grace() const {
    const nanoseconds wave = work_time(options_.what, plan_.clients, plan_.clients);
    return std::clamp<nanoseconds>(2 * wave, 10s, longest_grace);
}

/// The kernel keeps an object for each file of /proc that was looked at. They are no cost of a
/// client: what a reading adds is taken off the readings that follow.
readings phase_runner::read() {
    readings now = rig_.read();
    const auto after = read_machine_memory().slab_bytes;
    auto& slab = now.taken.memory.slab_bytes;
    if (slab && after) {
        const std::uint64_t left_behind = *after > *slab ? *after - *slab : 0;
        *slab -= std::min(*slab, slab_of_readings_);
        slab_of_readings_ += left_behind;
    }
    return now;
}

void phase_runner::listen(phase_kind kind, const readings& before, const readings& after) {
    const noise heard = noise_between(before.ticks, after.ticks, own_seconds(before, after));
    if (heard.steal_percent > most_stolen_.percent) {
        most_stolen_ = {.percent = heard.steal_percent, .kind = kind};
    }
    if (heard.foreign_percent > most_foreign_.percent) {
        most_foreign_ = {.percent = heard.foreign_percent, .kind = kind};
    }
}

heard_noise phase_runner::heard() const {
    heard_noise all{noise_between(first_.ticks, last_.ticks, own_seconds(first_, last_)), {}};
    if (most_stolen_.percent >= disturbing_steal_percent) {
        all.flags.push_back(fmt::format("{}: the hypervisor took {:.0f} % of the CPUs",
                                        place(most_stolen_.kind), most_stolen_.percent));
    }
    if (most_foreign_.percent >= disturbing_foreign_percent) {
        all.flags.push_back(fmt::format("{}: other programs used {:.0f} % of the CPUs",
                                        place(most_foreign_.kind), most_foreign_.percent));
    }
    return all;
}

std::string phase_runner::place(phase_kind kind) const {
    return fmt::format("{}, {}", name_of(plan_.model), name_of(kind));
}

void phase_runner::warn_about(phase_kind kind, const error_counts& errors) {
    if (errors.total() != 0) {
        warnings_.push_back(fmt::format("{}: {} clients without an answer ({})", place(kind),
                                        text_of_count(errors.total()), text_of(errors)));
    }
}

/// What the model before left, the kernel frees some time after its processes are gone: until then
/// it would be taken for memory that was there before the first client.
step<void> phase_runner::await_steady_memory() {
    constexpr std::uint64_t steady_bytes = 512 * 1024;
    const deadline until(5s);
    std::uint64_t before = UINT64_MAX;
    for (int steady = 0; steady < 2 && !until.expired();) {
        const memory_use memory = read_machine_memory();
        const std::uint64_t now =
            memory.slab_bytes.value_or(0) + memory.kernel_stack_bytes.value_or(0);
        const std::uint64_t moved = now > before ? now - before : before - now;
        steady = moved < steady_bytes ? steady + 1 : 0;
        before = now;
        if (auto rested = rig_.rest(100ms); !rested) {
            return rested;
        }
    }
    return {};
}

step<void> phase_runner::begin() {
    if (auto steady = await_steady_memory(); !steady) {
        return steady;
    }
    first_ = read();
    last_ = first_;
    return {};
}

step<void> phase_runner::run(phase_kind kind, double rate, repeat& into) {
    const auto keep = [](step<load_phase> measured, std::optional<load_phase>& place) {
        if (!measured) {
            return step<void>(std::unexpected(std::move(measured.error())));
        }
        place = std::move(*measured);
        return step<void>();
    };
    switch (kind) {
        case phase_kind::connect:
            return connect(into);
        case phase_kind::idle:
            return idle(into);
        case phase_kind::closed:
            return keep(loop(kind, 0), into.closed);
        case phase_kind::open:
            return keep(loop(kind, rate), into.open);
        case phase_kind::idle_majority:
            return keep(loop(kind, 0), into.idle_majority);
        case phase_kind::poison:
            return poison(into);
    }
    std::unreachable();
}

step<void> phase_runner::connect(repeat& into) {
    const auto report = rig_.connect();
    if (!report) {
        return std::unexpected(report.error());
    }
    const readings now = read();
    into.connect = connect_phase{
        .clients_asked = report->asked,
        .clients = report->clients,
        .failures = report->errors.total(),
        .seconds = report->seconds,
        .rate_per_s =
            report->seconds > 0 ? static_cast<double>(report->clients) / report->seconds : 0,
        .latency = summary_of(report->latency),
        .server = use_between(last_, now, plan_.model, 1),
        .load_cpu_share = report->use.cpu_share,
        .load_waiting_share = report->use.waiting_share,
    };
    listen(phase_kind::connect, last_, now);
    warn_about(phase_kind::connect, report->errors);
    last_ = now;
    if (report->clients == 0) {
        return std::unexpected(
            failed_outcome(fmt::format("no client got an answer ({})", text_of(report->errors))));
    }
    return {};
}

step<void> phase_runner::idle(repeat& into) {
    const auto started = clock::now();
    if (auto rested = rig_.rest(idle_time_of(options_)); !rested) {
        return rested;
    }
    const double seconds = std::chrono::duration<double>(clock::now() - started).count();
    const readings now = read();
    into.idle = idle_phase{.clients = into.connect ? into.connect->clients : plan_.clients,
                           .seconds = seconds,
                           .before = first_.taken.memory,
                           .server = use_between(last_, now, plan_.model, 1)};
    last_ = now;
    return {};
}

step<load_phase> phase_runner::loop(phase_kind kind, double rate) {
    const auto report =
        rig_.loop({.stride = kind == phase_kind::idle_majority ? clients_per_active : 1,
                   .rate = rate,
                   .warm_up = warm_up_of(options_),
                   .duration = from_seconds(options_.duration_seconds),
                   .grace = grace(),
                   .seed = options_.seed});
    if (!report) {
        return std::unexpected(report.error());
    }
    const readings now = read();
    const double share =
        report->requests_in_all == 0
            ? 1
            : static_cast<double>(report->requests) / static_cast<double>(report->requests_in_all);
    load_phase phase{.clients = report->clients, .active_clients = report->active};
    if (rate > 0) {
        phase.rate_asked_per_s = rate;
        phase.load_lag_p99_us = us(report->lag.quantile(0.99));
    }
    phase.requests = report->requests;
    phase.errors = report->errors.total();
    phase.seconds = report->seconds;
    phase.requests_per_s =
        report->seconds > 0 ? static_cast<double>(report->requests) / report->seconds : 0;
    phase.latency = summary_of(report->latency);
    phase.histogram = buckets_of(report->latency);
    phase.server = use_between(last_, now, plan_.model, share);
    if (phase.requests != 0) {
        phase.cpu_us_per_request = (phase.server.user_seconds + phase.server.system_seconds) * 1e6 /
                                   static_cast<double>(phase.requests);
    }
    phase.load_cpu_share = report->use.cpu_share;
    phase.load_waiting_share = report->use.waiting_share;
    listen(kind, last_, now);
    warn_about(kind, report->errors);
    last_ = now;
    return phase;
}

/// Waits until the servers stop using CPU: all that the clients asked for is done.
step<void> phase_runner::await_quiet() {
    constexpr std::uint64_t quiet_ns = 200'000;
    const deadline until(10s);
    std::uint64_t before = rig_.server_cpu_ns();
    for (int quiet = 0; quiet < 2 && !until.expired();) {
        if (auto rested = rig_.rest(100ms); !rested) {
            return rested;
        }
        const std::uint64_t now = rig_.server_cpu_ns();
        quiet = now - std::min(now, before) < quiet_ns ? quiet + 1 : 0;
        before = now;
    }
    return {};
}

step<std::optional<std::uint64_t>> phase_runner::private_without_clients() {
    if (auto done = rig_.disconnect(); !done) {
        return std::unexpected(done.error());
    }
    if (auto quiet = await_quiet(); !quiet) {
        return std::unexpected(quiet.error());
    }
    return rig_.read().taken.memory.private_bytes;
}

/// How a server that the poison killed has ended; state ok when all live.
step<outcome> phase_runner::await_death() {
    const deadline until(5s);
    for (;;) {
        outcome death = rig_.find_dead_server();
        if (death.state != outcome_state::ok || until.expired()) {
            return death;
        }
        if (auto rested = rig_.rest(20ms); !rested) {
            return std::unexpected(rested.error());
        }
    }
}

/// The first clients leave caches and free lists behind; a second set of them does not, so that
/// what it adds is the leak. Returns what the servers have between the two.
step<std::optional<std::uint64_t>> phase_runner::settle() {
    auto own = private_without_clients();
    if (own) {
        if (auto again = rig_.connect(); !again) {
            return std::unexpected(again.error());
        }
    }
    return own;
}

void count_survivors(poison_phase& phase, const round_report& poisoned, const round_report& others,
                     bool answers_new_client) {
    phase.poisoned = poisoned.asked;
    phase.survived = poisoned.answered + others.answered;
    phase.died = phase.clients - std::min(phase.clients, phase.survived);
    phase.went_on = answers_new_client && others.answered == others.asked;
}

step<void> phase_runner::poison(repeat& into) {
    const bool leaks = options_.poison == poison_kind::leak;
    poison_phase phase{.kind = std::string(name_of(options_.poison)),
                       .clients = into.connect ? into.connect->clients : plan_.clients};
    std::optional<std::uint64_t> before;
    if (leaks) {
        const auto settled = settle();
        if (!settled) {
            return std::unexpected(settled.error());
        }
        before = *settled;
    }
    const auto poisoned = rig_.round({.stride = clients_per_poison, .poison = options_.poison});
    if (!poisoned) {
        return std::unexpected(poisoned.error());
    }
    const auto others = rig_.round({.stride = clients_per_poison, .inverted = true});
    if (!others) {
        return std::unexpected(others.error());
    }
    count_survivors(phase, *poisoned, *others, rig_.answers_new_client());
    if (!phase.went_on) {
        const auto death = await_death();
        if (!death) {
            return std::unexpected(death.error());
        }
        phase.server_died = death->state == outcome_state::died;
        phase.signal = death->signal;
        phase.last_words = death->reason;
    } else if (leaks) {
        const auto after = private_without_clients();
        if (!after) {
            return std::unexpected(after.error());
        }
        if (before && *after) {
            phase.leaked_bytes = **after - std::min(**after, *before);
        }
    }
    if (!phase.server_died) {
        count_crashes(phase);
    }
    into.poison = phase;
    return {};
}

/// What killed a client's process only its server has seen; it counts them.
void phase_runner::count_crashes(poison_phase& phase) {
    const auto counts = rig_.stop();
    if (counts) {
        phase.crashed = counts->crashed;
    } else {
        warnings_.push_back(
            fmt::format("{}: {}", place(phase_kind::poison), sentence_of(counts.error())));
    }
}

}  // namespace weft::lab
