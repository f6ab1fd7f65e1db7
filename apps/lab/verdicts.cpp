// SPDX-License-Identifier: Apache-2.0
#include "verdicts.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "message.h"
#include "statistics.h"
#include "summary.h"
#include "units.h"

namespace weft::lab {

namespace {

using verdicts = std::vector<verdict>;

/// "About 50 us" holds within this factor either way.
constexpr double about = 2;
/// Less than this is no growth and no waste, whatever the spread.
constexpr double significant = 1.2;
/// Two counts of live fibers must differ this much to say something about growth.
constexpr double growth_span = 10;
/// The claims C24 to C27 speak of this many clients.
constexpr double claimed_clients = 10'000;

std::string number_with_spread(const estimate& value, unit in) {
    const double spread = std::min(9.99, relative_spread(value));
    const std::string text = text_of(value.median, in);
    return value.count < 2 ? text : fmt::format("{} +-{:.0f} %", text, 100 * spread);
}

/// "12x less than claimed", or "as claimed" when the two are about the same.
std::string compared(double measured, double claimed, std::string_view less,
                     std::string_view more) {
    if (measured <= 0) {
        return fmt::format("too small to measure, {} than claimed", less);
    }
    const double factor = measured / claimed;
    if (factor <= about && factor >= 1 / about) {
        return "about as claimed";
    }
    return factor < 1 ? fmt::format("{} {} than claimed", text_of_factor(1 / factor), less)
                      : fmt::format("{} {} than claimed", text_of_factor(factor), more);
}

bool is_about(double measured, double claimed) {
    return measured <= claimed * about && measured >= claimed / about;
}

// --- C5, C7, C8, C10, C21: primitives timed alone -------------------------------------------

const probe* find_probe(const results& run, std::string_view name, bool most_live) {
    const probe* found = nullptr;
    for (const probe& one : run.probes) {
        if (one.name != name || !estimate_of(std::span<const double>(one.nanoseconds))) {
            continue;
        }
        if (!found || (most_live ? one.live > found->live : one.live < found->live)) {
            found = &one;
        }
    }
    return found;
}

struct probe_claim {
    std::string_view claim;
    std::string_view probe;
    std::string_view subject;
    std::string_view claimed;
    double low_ns;
    double high_ns;
};

constexpr probe_claim probe_claims[] = {
    {"C5", "thread.create", "creating a thread", "~50 us", 50'000, 50'000},
    {"C7", "thread.switch", "switching kernel threads", "1-10 us", 1'000, 10'000},
    {"C8", "fiber.create", "creating a user-space thread", "~200 ns", 200, 200},
    {"C10", "fiber.switch", "switching user-space threads", "~100 ns", 100, 100},
};

void add_probe_claim(verdicts& out, const results& run, const probe_claim& claim) {
    const probe* const timed = find_probe(run, claim.probe, false);
    if (!timed) {
        return;
    }
    const estimate measured = *estimate_of(std::span<const double>(timed->nanoseconds));
    const bool range = claim.low_ns < claim.high_ns;
    const bool inside = measured.median >= claim.low_ns && measured.median <= claim.high_ns;
    const bool holds = range ? inside : is_about(measured.median, claim.low_ns);
    const double nearest = std::clamp(measured.median, claim.low_ns, claim.high_ns);
    out.push_back({.claim = std::string(claim.claim),
                   .subject = std::string(claim.subject),
                   .claimed = std::string(claim.claimed),
                   .measured = number_with_spread(measured, unit::nanoseconds),
                   .conclusion = holds ? "as claimed"
                                 : is_about(measured.median, nearest)
                                     ? "near what is claimed"
                                     : compared(measured.median, nearest, "less", "more"),
                   .mark = holds                                ? mark::holds
                           : is_about(measured.median, nearest) ? mark::partly
                                                                : mark::off});
}

void add_growth_claim(verdicts& out, const results& run) {
    const probe* const few = find_probe(run, "fiber.create", false);
    const probe* const many = find_probe(run, "fiber.create", true);
    if (!few || static_cast<double>(many->live) <
                    growth_span * static_cast<double>(std::max<std::uint64_t>(few->live, 1))) {
        return;
    }
    const estimate at_few = *estimate_of(std::span<const double>(few->nanoseconds));
    const estimate at_many = *estimate_of(std::span<const double>(many->nanoseconds));
    const auto growth = ratio_of(at_many, at_few);
    if (!growth) {
        return;
    }
    const bool constant = growth->median <= about;
    out.push_back(
        {.claim = "C21",
         .subject = "creating a user-space thread",
         .claimed = "O(1)",
         .measured = fmt::format("{} with {} alive, {} with {} alive",
                                 text_of_time(at_few.median / 1000), text_of_count(few->live),
                                 text_of_time(at_many.median / 1000), text_of_count(many->live)),
         .conclusion = constant ? "does not grow with their number"
                                : fmt::format("{} as much", text_of_factor(growth->median)),
         .mark = constant ? mark::holds : mark::off});
}

// --- C6, C9, C12: what a client occupies ------------------------------------------------------

std::optional<double> median_of(const results& run, model_id model, std::string_view id) {
    const auto value = estimate_of(run, model, id);
    return value ? std::optional(value->median) : std::nullopt;
}

void add_thread_stack(verdicts& out, const results& run) {
    const auto reserved = median_of(run, model_id::thread, "idle.virtual_bytes");
    const auto used = median_of(run, model_id::thread, "idle.user_bytes");
    if (!reserved || !used || *used <= 0) {
        return;
    }
    constexpr double mib = 1024.0 * 1024.0;
    const bool as_reserved = *reserved >= 0.9 * mib && *reserved <= 9 * mib;
    out.push_back({.claim = "C6",
                   .subject = "stack of a thread",
                   .claimed = "1-8 MB",
                   .measured = fmt::format("{} reserved, {} of own pages", text_of_bytes(*reserved),
                                           text_of_bytes(*used)),
                   .conclusion = fmt::format("address space is not memory: {} less in pages than "
                                             "reserved",
                                             text_of_factor(std::max(1.0, *reserved / *used))),
                   .mark = as_reserved ? mark::partly : mark::off});
}

void add_fiber_stack(verdicts& out, const results& run) {
    const auto pages = median_of(run, model_id::fiber, "idle.user_bytes");
    if (!pages) {
        return;
    }
    constexpr double claimed = 2'000;
    const auto tables = median_of(run, model_id::fiber, "idle.page_table_bytes");
    const double measured = *pages + tables.value_or(0);
    out.push_back(
        {.claim = "C9",
         .subject = "stack of a user-space thread",
         .claimed = "2 KB",
         .measured = fmt::format("{} per parked fiber with its connection{}",
                                 text_of_bytes(measured), tables ? ", page tables included" : ""),
         .conclusion = compared(measured, claimed, "less", "more"),
         .mark = is_about(measured, claimed) ? mark::holds : mark::off});
}

const idle_phase* first_idle(const results& run, model_id model) {
    const model_result* const found = find_model(run, model);
    if (!found) {
        return nullptr;
    }
    for (const repeat& one : found->repeats) {
        if (one.idle && one.idle->clients > 0) {
            return &*one.idle;
        }
    }
    return nullptr;
}

void add_sharing(verdicts& out, const results& run) {
    const idle_phase* const processes = first_idle(run, model_id::process);
    const idle_phase* const threads = first_idle(run, model_id::thread);
    const auto process_bytes = median_of(run, model_id::process, "idle.user_bytes");
    const auto thread_bytes = median_of(run, model_id::thread, "idle.user_bytes");
    if (!processes || !threads || !process_bytes || !thread_bytes || *thread_bytes <= 0) {
        return;
    }
    const double factor = *process_bytes / *thread_bytes;
    const bool one_space = threads->server.processes * 100 < threads->clients;
    out.push_back(
        {.claim = "C12",
         .subject = "threads share heap, code and descriptors; processes do not",
         .claimed = "shared",
         .measured = fmt::format(
             "{} threads in {} {}, {} of own pages each; {} processes, {} each",
             text_of_count(threads->server.threads), text_of_count(threads->server.processes),
             threads->server.processes == 1 ? "process" : "processes", text_of_bytes(*thread_bytes),
             text_of_count(processes->server.processes), text_of_bytes(*process_bytes)),
         .conclusion =
             factor >= significant
                 ? fmt::format("sharing saves {} in pages; descriptors were not looked at",
                               text_of_factor(factor))
                 : "sharing saves no pages here; descriptors were not looked at",
         .mark = one_space && factor >= significant ? mark::holds : mark::off});
}

// --- C18: who dies ----------------------------------------------------------------------------

const poison_phase* first_poison(const model_result& model) {
    for (const repeat& one : model.repeats) {
        if (one.poison && one.poison->poisoned > 0) {
            return &*one.poison;
        }
    }
    return nullptr;
}

/// The server lives, and the kernel did not tell what it leaked.
bool leak_unknown(const poison_phase& phase) {
    return phase.kind == name_of(poison_kind::leak) && phase.went_on && !phase.leaked_bytes;
}

/// "process: 10 of 10,000 died; thread: all 10,000 died with the server".
std::string deaths_of(model_id model, const poison_phase& phase) {
    if (phase.server_died) {
        return fmt::format("{}: the server died{} with {} clients", name_of(model),
                           phase.signal > 0 ? fmt::format(" ({})", signal_name(phase.signal)) : "",
                           text_of_count(phase.died));
    }
    if (phase.leaked_bytes) {
        return fmt::format("{}: {} stayed leaked", name_of(model),
                           text_of_bytes(static_cast<double>(*phase.leaked_bytes)));
    }
    if (leak_unknown(phase)) {
        return fmt::format("{}: what leaked could not be read", name_of(model));
    }
    return fmt::format("{}: {} of {} clients died", name_of(model), text_of_count(phase.died),
                       text_of_count(phase.clients));
}

/// Nothing beyond the poisoned clients was lost. A few pages more are no leak of a MiB each.
bool contained(const poison_phase& phase) {
    constexpr std::uint64_t page_or_so = 64 * 1024;
    return !phase.server_died && phase.went_on && phase.died <= phase.poisoned &&
           phase.leaked_bytes.value_or(0) <= phase.poisoned * page_or_so;
}

void add_isolation(verdicts& out, const results& run) {
    std::vector<std::string> parts;
    std::string of_kind;
    const poison_phase* process = nullptr;
    bool other_lost = false;
    bool unknown = false;
    for (const model_id model : all_models) {
        const model_result* const found = find_model(run, model);
        const poison_phase* const phase = found ? first_poison(*found) : nullptr;
        if (!phase) {
            continue;
        }
        parts.push_back(deaths_of(model, *phase));
        of_kind = phase->kind;
        unknown = unknown || leak_unknown(*phase);
        if (model == model_id::process) {
            process = phase;
        } else {
            other_lost = other_lost || !contained(*phase);
        }
    }
    if (parts.empty()) {
        return;
    }
    verdict line{.claim = "C18",
                 .subject = fmt::format("isolation, {} in the handler", of_kind),
                 .claimed = "a process contains it, a thread can take all down",
                 .measured = fmt::format("{}", fmt::join(parts, "; ")),
                 .conclusion = "",
                 .mark = mark::undecided};
    if (!process) {
        line.conclusion = "processes were not run";
    } else if (unknown) {
        line.conclusion = "what leaked is not known of all";
    } else if (!contained(*process)) {
        line.conclusion = "not even processes contained it";
        line.mark = mark::off;
    } else {
        line.conclusion = other_lost ? "only the process model lost just the guilty"
                                     : "every model lost just the guilty";
        line.mark = other_lost ? mark::holds : mark::partly;
    }
    out.push_back(std::move(line));
}

// --- C24 to C27: ten thousand clients ---------------------------------------------------------

struct scale_claim {
    std::string_view claim;
    model_id model;
    std::string_view each;
    std::string_view claimed;
    double claimed_bytes;
    bool said_infeasible;
};

constexpr scale_claim scale_claims[] = {
    {"C24", model_id::thread, "a thread", "80 GB, infeasible", 80e9, true},
    {"C25", model_id::process, "a process", "100 GB, infeasible", 100e9, true},
    {"C26", model_id::fiber, "a user-space thread", "20 MB, trivial", 20e6, false},
    {"C27", model_id::coroutine, "an async coroutine", "20 MB, trivial", 20e6, false},
};

/// All the clients that were asked for were connected, in every repeat that got so far.
bool all_connected(const model_result& model) {
    bool any = false;
    for (const repeat& one : model.repeats) {
        if (!one.connect) {
            continue;
        }
        any = true;
        if (one.connect->clients == 0 || one.connect->clients < one.connect->clients_asked) {
            return false;
        }
    }
    return any;
}

/// "8.0 MiB reserved, 34 KiB used per thread (24 KiB own pages, 10 KiB kernel)".
std::string occupied(const results& run, const model_result& model, double each) {
    const std::string_view name = name_of(model.model);
    const auto own = median_of(run, model.model, "idle.user_bytes");
    std::string text = fmt::format("{} per {}", text_of_bytes(each), name);
    if (const auto reserved = median_of(run, model.model, "idle.virtual_bytes");
        reserved && model.model == model_id::thread) {
        text = fmt::format("{} reserved, {} used per {}", text_of_bytes(*reserved),
                           text_of_bytes(each), name);
    }
    if (own && *own < each) {
        text += fmt::format(" ({} own pages, {} kernel, sockets of both ends included)",
                            text_of_bytes(*own), text_of_bytes(each - *own));
    }
    if (static_cast<double>(model.clients) == claimed_clients) {
        return text + fmt::format(", {} in all", text_of_bytes(each * claimed_clients));
    }
    return text + fmt::format(" with {} clients, {} for 10,000 at this rate",
                              text_of_count(model.clients), text_of_bytes(each * claimed_clients));
}

verdict scale_verdict(const results& run, const scale_claim& claim, const model_result& model,
                      double each) {
    verdict line{.claim = std::string(claim.claim),
                 .subject = fmt::format("10,000 clients, {} each", claim.each),
                 .claimed = std::string(claim.claimed),
                 .measured = occupied(run, model, each),
                 .conclusion = "",
                 .mark = mark::undecided};
    const double total = each * claimed_clients;
    const std::string figure = compared(total, claim.claimed_bytes, "less", "more");
    if (model.outcome.state == outcome_state::died || !all_connected(model)) {
        line.conclusion = model.outcome.state == outcome_state::died
                              ? sentence_of(model.outcome)
                              : "not all clients got through";
        return line;
    }
    const auto memory = static_cast<double>(run.run.machine.memory_bytes);
    const bool fits = memory == 0 || total < memory;
    line.conclusion = (fits ? "feasible, " : "more than this machine has, ") + figure;
    if (fits && memory > 0) {
        line.conclusion +=
            fmt::format(", {} % of this machine's memory", text_of_number(100 * total / memory));
    }
    const bool right_size = is_about(total, claim.claimed_bytes);
    const bool right_point = fits != claim.said_infeasible;
    line.mark = right_size && right_point   ? mark::holds
                : right_size || right_point ? mark::partly
                                            : mark::off;
    return line;
}

void add_scale(verdicts& out, const results& run) {
    for (const scale_claim& claim : scale_claims) {
        const model_result* const model = find_model(run, claim.model);
        const auto each = median_of(run, claim.model, "idle.all_bytes");
        if (model && each) {
            out.push_back(scale_verdict(run, claim, *model, *each));
        }
    }
}

// --- C28: many threads switching --------------------------------------------------------------

/// How often one of the model's kernel threads is switched in, on the median of the repeats.
std::optional<double> switch_interval_us(const model_result& model) {
    std::vector<double> intervals;
    for (const repeat& one : model.repeats) {
        if (!one.closed || one.closed->seconds <= 0) {
            continue;
        }
        const server_use& use = one.closed->server;
        const auto switches = use.voluntary_switches + use.involuntary_switches;
        if (switches > 0) {
            intervals.push_back(one.closed->seconds * 1e6 *
                                static_cast<double>(one.closed->active_clients) /
                                static_cast<double>(switches));
        }
    }
    return median(intervals);
}

/// "10 million switches a second".
std::string text_of_switches(double per_second) {
    return per_second >= 1e6
               ? fmt::format("{} million switches a second", text_of_number(per_second / 1e6))
               : fmt::format("{} switches a second",
                             text_of_count(static_cast<std::uint64_t>(per_second)));
}

void add_switching(verdicts& out, const results& run) {
    const model_result* const threads = find_model(run, model_id::thread);
    const auto of_threads = estimate_of(run, model_id::thread, "closed.cpu_us");
    const auto of_fibers = estimate_of(run, model_id::fiber, "closed.cpu_us");
    const auto interval = threads ? switch_interval_us(*threads) : std::nullopt;
    if (!of_threads || !of_fibers || !interval) {
        return;
    }
    const auto more = ratio_of(*of_threads, *of_fibers);
    if (!more) {
        return;
    }
    const auto kernel = median_of(run, model_id::thread, "closed.cpu_system_us");
    const bool waste = more->median >= significant && more->low > 1;
    const bool clear = waste || more->median < significant;
    std::string measured =
        fmt::format("every 1 ms would be {}, {} threads reached {}; {} of CPU per request",
                    text_of_switches(claimed_clients * 1000), text_of_count(threads->clients),
                    text_of_switches(static_cast<double>(threads->clients) * 1e6 / *interval),
                    text_of_time(of_threads->median));
    if (kernel && of_threads->median > 0) {
        measured += fmt::format(" ({:.0f} % in the kernel)",
                                std::min(100.0, 100 * *kernel / of_threads->median));
    }
    measured += fmt::format(", fibers {}", text_of_time(of_fibers->median));
    out.push_back(
        {.claim = "C28",
         .subject = "10,000 threads switching every 1 ms",
         .claimed = "significant CPU waste",
         .measured = std::move(measured),
         .conclusion = more->median >= 1
                           ? fmt::format("{} the CPU of fibers{}", text_of_factor(more->median),
                                         clear ? "" : ", within the spread of this run")
                           : fmt::format("fibers need {} the CPU of threads",
                                         text_of_factor(1 / more->median)),
         .mark = waste   ? mark::holds
                 : clear ? mark::off
                         : mark::undecided});
}

int number_of(const verdict& line) {
    return std::stoi(line.claim.substr(1));
}

}  // namespace

std::string_view name_of(mark mark) noexcept {
    switch (mark) {
        case mark::holds:
            return "holds";
        case mark::partly:
            return "partly";
        case mark::off:
            return "off";
        case mark::undecided:
            return "undecided";
    }
    return "undecided";
}

std::vector<verdict> verdicts_of(const results& run) {
    verdicts out;
    for (const probe_claim& claim : probe_claims) {
        add_probe_claim(out, run, claim);
    }
    add_growth_claim(out, run);
    add_thread_stack(out, run);
    add_fiber_stack(out, run);
    add_sharing(out, run);
    add_isolation(out, run);
    add_scale(out, run);
    add_switching(out, run);
    std::ranges::sort(out, {}, number_of);
    return out;
}

std::string sentence_of(const verdict& verdict) {
    return fmt::format("{}: claimed {} -> {}: {}", verdict.subject, verdict.claimed,
                       verdict.measured, verdict.conclusion);
}

}  // namespace weft::lab
