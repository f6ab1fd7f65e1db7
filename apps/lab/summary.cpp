// SPDX-License-Identifier: Apache-2.0
#include "summary.h"

#include <algorithm>
#include <csignal>
#include <utility>

#include <fmt/format.h>

#include "message.h"

namespace weft::lab {

namespace {

using maybe = std::optional<double>;
using kind = std::optional<std::uint64_t> memory_use::*;

/// Above these shares of the CPUs the figures of a run are called disturbed.
constexpr double noticeable_steal_percent = 2;
constexpr double noticeable_foreign_percent = 5;
/// A generator that is running or ready to run for this share of the time is a bottleneck.
constexpr double busy_generator = 0.9;

template <kind Kind>
maybe idle_growth(const repeat& one) {
    return one.idle ? growth_per_client(*one.idle, Kind) : std::nullopt;
}

/// The client's share of the server's own pages. Proportional size first: summed over processes,
/// resident sizes count a shared page once per process.
maybe user_memory(const repeat& one) {
    for (const kind from : {&memory_use::proportional_bytes, &memory_use::private_bytes,
                            &memory_use::resident_bytes}) {
        if (const maybe found = one.idle ? growth_per_client(*one.idle, from) : std::nullopt) {
            return found;
        }
    }
    return std::nullopt;
}

maybe all_memory(const repeat& one) {
    maybe sum = user_memory(one);
    if (!sum) {
        return std::nullopt;
    }
    for (const kind from : {&memory_use::page_table_bytes, &memory_use::kernel_stack_bytes,
                            &memory_use::slab_bytes, &memory_use::socket_bytes}) {
        *sum += growth_per_client(*one.idle, from).value_or(0);
    }
    return sum;
}

template <auto Phase, class Figure>
maybe of(const repeat& one, Figure figure) {
    const auto& phase = one.*Phase;
    return phase ? maybe(figure(*phase)) : std::nullopt;
}

template <auto Phase, double latency_summary::* Figure>
maybe latency(const repeat& one) {
    const auto& phase = one.*Phase;
    if (!phase || phase->latency.count == 0) {
        return std::nullopt;
    }
    return phase->latency.*Figure;
}

/// A part of the server's use, divided by the requests or clients it was spent on.
template <auto Phase, auto Amount, class Part>
maybe per(const repeat& one, Part part) {
    const auto& phase = one.*Phase;
    if (!phase || (*phase).*Amount == 0) {
        return std::nullopt;
    }
    return part(phase->server) / static_cast<double>((*phase).*Amount);
}

constexpr double us_per_s = 1e6;

maybe connect_cpu(const repeat& one) {
    return per<&repeat::connect, &connect_phase::clients>(one, [](const server_use& use) {
        return (use.user_seconds + use.system_seconds) * us_per_s;
    });
}

template <auto Phase>
maybe cpu_user(const repeat& one) {
    return per<Phase, &load_phase::requests>(
        one, [](const server_use& use) { return use.user_seconds * us_per_s; });
}

template <auto Phase>
maybe cpu_system(const repeat& one) {
    return per<Phase, &load_phase::requests>(
        one, [](const server_use& use) { return use.system_seconds * us_per_s; });
}

template <auto Phase>
maybe cpu_all(const repeat& one) {
    const auto& phase = one.*Phase;
    if (phase && phase->cpu_us_per_request) {
        return phase->cpu_us_per_request;
    }
    return per<Phase, &load_phase::requests>(one, [](const server_use& use) {
        return (use.user_seconds + use.system_seconds) * us_per_s;
    });
}

template <auto Phase>
maybe switches(const repeat& one) {
    return per<Phase, &load_phase::requests>(one, [](const server_use& use) {
        return static_cast<double>(use.voluntary_switches + use.involuntary_switches);
    });
}

template <auto Phase>
maybe rate(const repeat& one) {
    return of<Phase>(one, [](const load_phase& phase) { return phase.requests_per_s; });
}

template <auto Phase>
maybe generator(const repeat& one) {
    return of<Phase>(one, [](const load_phase& phase) { return 100 * phase.load_cpu_share; });
}

using group = metric_group;
using enum better;
constexpr auto bytes = unit::bytes;
constexpr auto per_s = unit::per_second;
constexpr auto us = unit::microseconds;
constexpr auto plain = unit::plain;
constexpr auto in_connect = &repeat::connect;
constexpr auto in_closed = &repeat::closed;
constexpr auto in_open = &repeat::open;
constexpr auto in_majority = &repeat::idle_majority;

constexpr auto p50 = &latency_summary::p50_us;
constexpr auto p99 = &latency_summary::p99_us;
constexpr auto p999 = &latency_summary::p999_us;
constexpr auto longest = &latency_summary::max_us;

maybe connect_rate(const repeat& one) {
    return of<in_connect>(one, [](const connect_phase& phase) { return phase.rate_per_s; });
}

constexpr metric all_metrics[] = {
    {"idle.all_bytes", "memory, all kinds", group::idle, bytes, less, all_memory, true},
    {"idle.user_bytes", "  its own pages", group::idle, bytes, less, user_memory, true},
    {"idle.page_table_bytes", "  page tables", group::idle, bytes, less,
     idle_growth<&memory_use::page_table_bytes>, true},
    {"idle.kernel_stack_bytes", "  kernel stack", group::idle, bytes, less,
     idle_growth<&memory_use::kernel_stack_bytes>, true},
    {"idle.slab_bytes", "  kernel objects", group::idle, bytes, less,
     idle_growth<&memory_use::slab_bytes>, true},
    {"idle.socket_bytes", "  socket buffers", group::idle, bytes, less,
     idle_growth<&memory_use::socket_bytes>, true},
    {"idle.virtual_bytes", "address space reserved", group::idle, bytes, neither,
     idle_growth<&memory_use::virtual_bytes>, true},
    {"idle.resident_bytes", "resident (shared pages in full)", group::idle, bytes, neither,
     idle_growth<&memory_use::resident_bytes>, false},
    {"idle.private_bytes", "private", group::idle, bytes, neither,
     idle_growth<&memory_use::private_bytes>, false},

    {"connect.rate_per_s", "clients accepted", group::connect, per_s, more, connect_rate, true},
    {"connect.p50_us", "first answer, p50", group::connect, us, less, latency<in_connect, p50>,
     false},
    {"connect.p99_us", "first answer, p99", group::connect, us, less, latency<in_connect, p99>,
     true},
    {"connect.max_us", "first answer, longest", group::connect, us, less,
     latency<in_connect, longest>, false},
    {"connect.cpu_us", "server CPU per client", group::connect, us, less, connect_cpu, true},

    {"closed.requests_per_s", "requests", group::closed, per_s, more, rate<in_closed>, true},
    {"closed.p50_us", "latency, p50", group::closed, us, less, latency<in_closed, p50>, true},
    {"closed.p99_us", "latency, p99", group::closed, us, less, latency<in_closed, p99>, true},
    {"closed.p999_us", "latency, p99.9", group::closed, us, less, latency<in_closed, p999>, true},
    {"closed.max_us", "latency, longest", group::closed, us, less, latency<in_closed, longest>,
     false},
    {"closed.cpu_us", "server CPU per request", group::closed, us, less, cpu_all<in_closed>, true},
    {"closed.cpu_user_us", "  in user space", group::closed, us, less, cpu_user<in_closed>, false},
    {"closed.cpu_system_us", "  in the kernel", group::closed, us, less, cpu_system<in_closed>,
     true},
    {"closed.switches", "kernel switches per request", group::closed, plain, less,
     switches<in_closed>, true},
    {"closed.load_percent", "load generator's CPU", group::closed, unit::percent, neither,
     generator<in_closed>, true},

    {"open.requests_per_s", "requests", group::open, per_s, neither, rate<in_open>, true},
    {"open.p50_us", "latency, p50", group::open, us, less, latency<in_open, p50>, true},
    {"open.p99_us", "latency, p99", group::open, us, less, latency<in_open, p99>, true},
    {"open.p999_us", "latency, p99.9", group::open, us, less, latency<in_open, p999>, true},
    {"open.max_us", "latency, longest", group::open, us, less, latency<in_open, longest>, false},
    {"open.cpu_us", "server CPU per request", group::open, us, less, cpu_all<in_open>, true},
    {"open.switches", "kernel switches per request", group::open, plain, less, switches<in_open>,
     false},

    {"idle_majority.requests_per_s", "requests", group::idle_majority, per_s, more,
     rate<in_majority>, true},
    {"idle_majority.p50_us", "latency, p50", group::idle_majority, us, less,
     latency<in_majority, p50>, false},
    {"idle_majority.p99_us", "latency, p99", group::idle_majority, us, less,
     latency<in_majority, p99>, true},
    {"idle_majority.p999_us", "latency, p99.9", group::idle_majority, us, less,
     latency<in_majority, p999>, false},
    {"idle_majority.cpu_us", "server CPU per request", group::idle_majority, us, less,
     cpu_all<in_majority>, true},
};

struct generator_shares {
    double used = 0;
    double waited = 0;
};

/// What one repeat's load generator had of a CPU in a phase; nothing when that was not measured.
template <auto Phase>
generator_shares shares_of(const repeat& one) {
    const auto& phase = one.*Phase;
    return phase ? generator_shares{.used = phase->load_cpu_share,
                                    .waited = phase->load_waiting_share}
                 : generator_shares{};
}

/// The first phase of this kind that the run has, for what titles say about it.
template <auto Phase>
const auto* first_of(const results& run) {
    using phase_type = std::remove_reference_t<decltype(*(std::declval<repeat>().*Phase))>;
    const phase_type* found = nullptr;
    for (const model_result& model : run.models) {
        for (const repeat& one : model.repeats) {
            if (!found && one.*Phase) {
                found = &*(one.*Phase);
            }
        }
    }
    return found;
}

std::string open_title(const results& run) {
    const load_phase* phase = first_of<in_open>(run);
    if (!phase || !phase->rate_asked_per_s) {
        return "open loop";
    }
    return fmt::format("open loop: {} asked of every model",
                       text_of_rate(*phase->rate_asked_per_s));
}

std::string majority_title(const results& run) {
    const load_phase* phase = first_of<in_majority>(run);
    if (!phase) {
        return "idle majority";
    }
    return fmt::format("idle majority: {} of {} clients active",
                       text_of_count(phase->active_clients), text_of_count(phase->clients));
}

}  // namespace

std::span<const metric> metrics() noexcept {
    return all_metrics;
}

const metric* find_metric(std::string_view id) noexcept {
    const auto* const found = std::ranges::find(all_metrics, id, &metric::id);
    return found == std::end(all_metrics) ? nullptr : found;
}

std::string title_of(metric_group of_group, const results& run) {
    switch (of_group) {
        case group::idle:
            return "an idle client";
        case group::connect:
            return fmt::format("connecting {} clients", text_of_count(run.run.clients));
        case group::closed:
            return "closed loop: every client as fast as it can";
        case group::open:
            return open_title(run);
        case group::idle_majority:
            return majority_title(run);
    }
    std::unreachable();
}

const model_result* find_model(const results& run, model_id model) noexcept {
    const auto found = std::ranges::find(run.models, model, &model_result::model);
    return found == run.models.end() ? nullptr : &*found;
}

std::optional<estimate> estimate_of(const model_result& model, const metric& metric) {
    std::vector<double> values;
    for (const repeat& one : model.repeats) {
        if (const maybe value = metric.value(one)) {
            values.push_back(*value);
        }
    }
    return estimate_of(std::span<const double>(values));
}

std::optional<estimate> estimate_of(const results& run, model_id model, std::string_view id) {
    const model_result* const found = find_model(run, model);
    const metric* const figure = find_metric(id);
    return found && figure ? estimate_of(*found, *figure) : std::nullopt;
}

std::vector<bool> best_of(std::span<const std::optional<estimate>> values, better direction) {
    std::vector<bool> marks(values.size(), false);
    const std::optional<estimate>* best = nullptr;
    std::size_t present = 0;
    for (const auto& value : values) {
        if (!value) {
            continue;
        }
        ++present;
        if (!best || (direction == less ? value->median < (*best)->median
                                        : value->median > (*best)->median)) {
            best = &value;
        }
    }
    if (present < 2 || direction == neither) {
        return marks;
    }
    for (std::size_t i = 0; i < values.size(); ++i) {
        marks[i] = values[i] && overlap(*values[i], **best);
    }
    return marks;
}

std::optional<double> growth_per_client(
    const idle_phase& phase, std::optional<std::uint64_t> memory_use::* of_kind) noexcept {
    const auto& after = phase.server.memory.*of_kind;
    if (!after || phase.clients == 0) {
        return std::nullopt;
    }
    const std::uint64_t before = (phase.before.*of_kind).value_or(0);
    const std::uint64_t grown = *after > before ? *after - before : 0;
    return static_cast<double>(grown) / static_cast<double>(phase.clients);
}

std::string signal_name(int signal) {
    if (const char* const name = sigabbrev_np(signal)) {
        return fmt::format("SIG{}", name);
    }
    return fmt::format("signal {}", signal);
}

std::string sentence_of(const outcome& how) {
    const std::string why = how.reason.empty() ? "" : ": " + how.reason;
    switch (how.state) {
        case outcome_state::ok:
            return "";
        case outcome_state::left_out:
            return "left out" + why + (how.lift.empty() ? "" : "; to lift it: " + how.lift);
        case outcome_state::died:
            return "its server died" +
                   (how.signal > 0 ? " (" + signal_name(how.signal) + ")" : "") + why;
        case outcome_state::interrupted:
            return "interrupted" + why;
        case outcome_state::failed:
            return "failed" + why;
    }
    std::unreachable();
}

std::string sentence_of(const adjustment& change) {
    return fmt::format("{}: {}{}", change.what, change.reason,
                       change.lift.empty() ? "" : "; to lift it: " + change.lift);
}

std::string request_of(const run_info& run) {
    return fmt::format(
        "{} clients, {} bytes, {}, {} repeat{}, seed {}{}", text_of_count(run.clients),
        text_of_count(run.message_bytes), run.handler, run.repeats, run.repeats == 1 ? "" : "s",
        run.seed,
        run.interrupted ? "; interrupted: what follows is what was measured until then" : "");
}

std::string machine_of(const machine& here) {
    return fmt::format("{}, {} core{}, {}, Linux {}{}", here.cpu_model, here.cores,
                       here.cores == 1 ? "" : "s",
                       text_of_bytes(static_cast<double>(here.memory_bytes)), here.kernel,
                       here.hypervisor.empty() ? "" : ", virtual (" + here.hypervisor + ")");
}

std::string text_of(const estimate& value, unit in, symbols set) {
    std::string text = text_of(value.median, in, set);
    if (value.count > 1) {
        text += fmt::format(" {}{:.0f}%", set == symbols::unicode ? "±" : "+-",
                            std::min(999.0, 100 * relative_spread(value)));
    }
    return text;
}

std::vector<std::string> not_as_asked_for(const results& run) {
    std::vector<std::string> sentences;
    const auto add = [&sentences](const std::string& who, const outcome& how) {
        if (how.state != outcome_state::ok) {
            sentences.push_back(fmt::format("{}: {}", who, sentence_of(how)));
        }
    };
    for (const model_result& model : run.models) {
        const std::string name(name_of(model.model));
        add(name, model.outcome);
        for (const repeat& one : model.repeats) {
            if (one.outcome.state != model.outcome.state) {
                add(fmt::format("{}, repeat {}", name, one.index), one.outcome);
            }
        }
    }
    for (const adjustment& change : run.run.adjustments) {
        sentences.push_back(sentence_of(change));
    }
    return sentences;
}

std::string processes_of(const model_result& model) {
    const auto counted = [](unsigned count, std::string_view what) {
        return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
    };
    std::string text =
        fmt::format("{}: {}", name_of(model.model), counted(model.servers, "server"));
    if (model.workers) {
        text += fmt::format(" with {}{}", counted(*model.workers, "worker"),
                            model.servers == 1 ? "" : " each");
    }
    return text + ", " + counted(model.loads, "load generator");
}

std::string sentence_of(const poison_phase& phase) {
    if (phase.server_died) {
        return phase.signal > 0 ? fmt::format("no: the server died ({})", signal_name(phase.signal))
                                : "no: the server died";
    }
    if (!phase.went_on) {
        return "no: the server stopped answering";
    }
    if (phase.leaked_bytes) {
        return fmt::format("yes, {} not given back",
                           text_of_bytes(static_cast<double>(*phase.leaked_bytes)));
    }
    if (phase.kind == name_of(poison_kind::leak)) {
        return "yes; what leaked could not be read";
    }
    const std::uint64_t crashed = phase.crashed.value_or(0);
    return crashed == 0 ? "yes"
                        : fmt::format("yes ({} process{} crashed)", text_of_count(crashed),
                                      crashed == 1 ? "" : "es");
}

std::string headline_of(const results& run) {
    std::vector<std::string> parts;
    for (const model_id model : all_models) {
        if (const auto memory = estimate_of(run, model, "idle.all_bytes")) {
            parts.push_back(
                fmt::format("{} per {}", text_of_bytes(memory->median), name_of(model)));
        }
    }
    if (parts.size() < 2) {
        return "";
    }
    const std::string last = parts.back();
    parts.pop_back();
    return fmt::format("An idle client costs {} and {}.", fmt::join(parts, ", "), last);
}

std::vector<std::string> disturbances_of(const results& run) {
    std::vector<std::string> sentences;
    const noise& whole = run.run.noise;
    if (whole.steal_percent >= noticeable_steal_percent) {
        sentences.push_back(
            fmt::format("the hypervisor took {:.0f} % of the CPUs' time", whole.steal_percent));
    }
    if (whole.foreign_percent >= noticeable_foreign_percent) {
        sentences.push_back(
            fmt::format("other programs used {:.0f} % of the CPUs", whole.foreign_percent));
    }
    for (const model_result& model : run.models) {
        for (const repeat& one : model.repeats) {
            for (const std::string& flag : one.noise.flags) {
                if (std::ranges::find(sentences, flag) == sentences.end()) {
                    sentences.push_back(flag);
                }
            }
        }
    }
    return sentences;
}

std::vector<std::string> generator_warnings(const results& run) {
    constexpr std::pair<std::string_view, generator_shares (*)(const repeat&)> phases[] = {
        {"connect", shares_of<in_connect>},
        {"closed loop", shares_of<in_closed>},
        {"open loop", shares_of<in_open>},
        {"idle majority", shares_of<in_majority>}};
    std::vector<std::string> sentences;
    for (const auto& [name, of_repeat] : phases) {
        std::vector<std::string> busy;
        for (const model_result& model : run.models) {
            generator_shares most;
            for (const repeat& one : model.repeats) {
                const generator_shares here = of_repeat(one);
                most = {std::max(most.used, here.used), std::max(most.waited, here.waited)};
            }
            if (most.used + most.waited >= busy_generator) {
                busy.push_back(fmt::format("{} {:.0f} %", name_of(model.model), 100 * most.used));
            }
        }
        if (!busy.empty()) {
            sentences.push_back(fmt::format(
                "{}: the load generator had work for a whole CPU (it got {}): the rate and the "
                "latency are its limit as much as the server's; the server's CPU time is not",
                name, fmt::join(busy, ", ")));
        }
    }
    return sentences;
}

}  // namespace weft::lab
