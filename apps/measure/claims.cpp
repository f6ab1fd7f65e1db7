// SPDX-License-Identifier: Apache-2.0
#include "claims.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>

#include <fmt/format.h>

#include "claims_of_spaces.h"
#include "figure_text.h"
#include "probe.h"

namespace weft::measure {

namespace {

using lab::mark;
using lab::unit;

constexpr double mebibyte = 1 << 20;
/// What "about" allows, either way.
constexpr double about = 2;
constexpr double clients = 10'000;
/// An interval that reaches farther from the median decides nothing by itself.
constexpr double widest_verdict = 0.5;

bool is_about(double value, double claimed) {
    return value >= claimed / about && value <= claimed * about;
}

/// "3.1x less than claimed".
std::string against(double value, double claimed) {
    return value < claimed
               ? fmt::format("{} less than claimed", lab::text_of_factor(claimed / value))
               : fmt::format("{} more than claimed", lab::text_of_factor(value / claimed));
}

/// Of a value that is claimed to lie between two, or about at one.
mark mark_between(double value, double low, double high) {
    if (low < high ? value >= low && value <= high : is_about(value, low)) {
        return mark::holds;
    }
    return is_about(value, std::clamp(value, low, high)) ? mark::partly : mark::off;
}

/// A figure of which that is claimed. Undecided where its interval says as much for it as against
/// it.
maybe_finding between(const measurement& all, std::string_view id, double at, lab::unit unit,
                      double low, double high) {
    const figure_point* const point = point_near(all, id, at);
    if (point == nullptr) {
        return std::nullopt;
    }
    const summary& value = point->value;
    finding line{.measured = with_interval(value, unit),
                 .conclusion = {},
                 .mark = mark_between(value.median, low, high),
                 .doubtful = point->doubtful};
    const bool is_known = relative_half_width(value) <= widest_verdict;
    if (!is_known && (mark_between(value.low, low, high) != line.mark ||
                      mark_between(value.high, low, high) != line.mark)) {
        line.mark = mark::undecided;
        line.conclusion = "its rounds differ too much for a verdict";
    } else if (line.mark == mark::holds) {
        line.conclusion = "as claimed";
    } else if (line.mark == mark::partly) {
        line.conclusion = "near what is claimed";
    } else {
        line.conclusion = against(value.median, std::clamp(value.median, low, high));
    }
    return line;
}

bool any_doubtful(const measured_figure& figure) {
    return std::ranges::any_of(figure.points, &figure_point::doubtful);
}

/// A law that is claimed of a figure's growth.
maybe_finding grows_as(const measurement& all, std::string_view id, law claimed) {
    const measured_figure* const figure = find_figure(all, id);
    if (figure == nullptr || !figure->grows) {
        return std::nullopt;
    }
    const growth& growth = *figure->grows;
    const bool same = growth.law == claimed || growth.or_else == claimed;
    // A pointer chase through colder and colder caches grows without the work growing.
    const bool slight = claimed == law::constant && growth.times < about;
    const auto& first = figure->points.front();
    const auto& last = figure->points.back();
    return finding{
        .measured = fmt::format("{} at {}, {} at {}", figure_text(first.value.median, figure->unit),
                                place_text(first.at, figure->axis_unit),
                                figure_text(last.value.median, figure->unit),
                                place_text(last.at, figure->axis_unit)),
        .conclusion = growth.reason,
        .mark = same     ? mark::holds
                : slight ? mark::partly
                         : mark::off,
        .doubtful = any_doubtful(*figure)};
}

/// Memory of ten thousand of a kind, from what one of the many that were measured takes.
maybe_finding clients_of(const measurement& all, std::string_view kind, double claimed_bytes,
                         bool infeasible) {
    const std::string id = fmt::format("memory.{}", kind);
    const figure_point* const point = point_near(all, id, clients);
    if (point == nullptr) {
        return std::nullopt;
    }
    const double each = point->value.median;
    const double total = each * clients;
    const double part =
        total / static_cast<double>(std::max<std::uint64_t>(1, all.machine.memory_bytes));
    std::string conclusion = against(total, claimed_bytes);
    conclusion += part < 0.5
                      ? fmt::format(", feasible: {:.1f} % of this machine's memory", 100 * part)
                      : ", does not fit this machine";
    const bool as_said = infeasible == (part >= 0.5);
    const bool near = is_about(total, claimed_bytes);
    return finding{.measured = fmt::format(
                       "{} each ({} waiting), {} in all", figure_text(each, unit::bytes),
                       place_text(point->at, unit::plain), figure_text(total, unit::bytes)),
                   .conclusion = std::move(conclusion),
                   .mark = as_said && near   ? mark::holds
                           : as_said || near ? mark::partly
                                             : mark::off,
                   .doubtful = point->doubtful};
}

maybe_finding stack_of_a_thread(const measurement& all) {
    const auto reserved = median_near(all, "memory.thread.reserved", 1000);
    const auto resident = median_near(all, "memory.thread.resident", 1000);
    const auto kernel = median_near(all, "memory.thread.kernel_stack", 1000);
    if (!reserved || !resident) {
        return std::nullopt;
    }
    const bool inside = *reserved >= mebibyte && *reserved <= 9 * mebibyte;
    return finding{.measured = fmt::format("{} reserved, {} resident, {} in the kernel",
                                           figure_text(*reserved, unit::bytes),
                                           figure_text(*resident, unit::bytes),
                                           figure_text(kernel.value_or(0), unit::bytes)),
                   .conclusion = "reserved is not used: what costs is the resident part",
                   .mark = inside ? mark::partly : mark::off};
}

/// By how much a switch with so much memory behind it is dearer than one without.
double refill_at(const measurement& all, std::string_view id, double set) {
    const auto with = median_near(all, id, set);
    const auto work = median_near(all, "switch.work", set);
    const auto bare = median_near(all, id, 0);
    return with && work && bare ? std::max(0.0, *with - *work - *bare) : 0;
}

maybe_finding thread_switch(const measurement& all) {
    auto line = between(all, "switch.thread", 0, unit::nanoseconds, 1'000, 10'000);
    if (line) {
        const double set = mebibyte / 4;
        line->measured += fmt::format(
            "; + {} of caches with 256 KiB each, + {} between processes",
            figure_text(refill_at(all, "switch.thread", set), unit::nanoseconds),
            figure_text(std::max(0.0, median_near(all, "switch.process", 0).value_or(0) -
                                          median_near(all, "switch.thread", 0).value_or(0)),
                        unit::nanoseconds));
    }
    return line;
}

maybe_finding fiber_switch(const measurement& all) {
    auto line = between(all, "switch.fiber.fair", 2, unit::nanoseconds, 100, 100);
    if (line) {
        line->measured +=
            fmt::format("; + {} of caches with 256 KiB each",
                        figure_text(refill_at(all, "switch.fiber.working_set", mebibyte / 4),
                                    unit::nanoseconds));
    }
    return line;
}

maybe_finding stack_of_a_fiber(const measurement& all) {
    auto line = between(all, "memory.fiber", clients, unit::bytes, 2048, 2048);
    const auto little = median_near(all, "memory.fiber.by_stack", 2048);
    const auto much = median_near(all, "memory.fiber.by_stack", 49'152);
    if (line && little && much) {
        line->measured +=
            fmt::format("; {} with 2 KiB of stack in use, {} with 48 KiB",
                        figure_text(*little, unit::bytes), figure_text(*much, unit::bytes));
        line->conclusion += ", grows on demand; its cold tier is not built yet";
    }
    return line;
}

maybe_finding shares(const measurement& all) {
    const figure_point* const kernel = point_near(all, "share.thread.error");
    const figure_point* const fibers = point_near(all, "share.fiber.error");
    if (kernel == nullptr || fibers == nullptr) {
        return std::nullopt;
    }
    constexpr double close = 1;
    const double worst = std::max(kernel->value.median, fibers->value.median);
    return finding{
        .measured = fmt::format("nice 0, 5, 10: {:.2f} points off as threads, {:.2f} as fibers",
                                kernel->value.median, fibers->value.median),
        .conclusion = worst < close ? "both share by weight" : "a share is off by a point or more",
        .mark = worst < close ? mark::holds : mark::partly,
        .doubtful = kernel->doubtful || fibers->doubtful};
}

maybe_finding ticks(const measurement& all) {
    const auto tick = median_near(all, "sched.tick");
    const figure_point* const turn = point_near(all, "sched.turn");
    if (!tick || turn == nullptr) {
        return std::nullopt;
    }
    const double ratio = turn->value.median / *tick;
    const bool whole = std::abs(ratio - std::round(ratio)) < 0.15 && ratio > 0.5;
    return finding{
        .measured = fmt::format("tick {}; a turn beside another that computes {}",
                                figure_text(*tick, unit::nanoseconds),
                                with_interval(turn->value, unit::nanoseconds)),
        .conclusion = whole ? fmt::format("turns end at ticks, {:.0f} long", std::round(ratio))
                            : "turns are no whole ticks",
        .mark = !whole                 ? mark::partly
                : is_about(*tick, 4e6) ? mark::holds
                                       : mark::partly,
        .doubtful = turn->doubtful};
}

maybe_finding switch_steps(const measurement& all) {
    const figure_point* const simd = point_near(all, "step.simd");
    const auto registers = median_near(all, "step.registers");
    const auto words = median_near(all, "step.control_words");
    const auto call = median_near(all, "step.system_call");
    if (simd == nullptr || !registers || !words || !call) {
        return std::nullopt;
    }
    // 100 cycles at 2 to 4 GHz.
    const double value = simd->value.median;
    const bool holds = value >= 25 / about && value <= 50 * about;
    const auto process = median_near(all, "switch.process");
    const auto thread = median_near(all, "switch.thread");
    return finding{
        .measured = fmt::format(
            "{} registers, {} control words, {} SIMD, {} kernel entry{}",
            figure_text(*registers, unit::nanoseconds), figure_text(*words, unit::nanoseconds),
            with_interval(simd->value, unit::nanoseconds), figure_text(*call, unit::nanoseconds),
            process && thread
                ? fmt::format(", {} another process",
                              figure_text(std::max(0.0, *process - *thread), unit::nanoseconds))
                : std::string()),
        .conclusion = holds ? "SIMD as claimed" : against(value, value < 25 ? 25 : 50),
        .mark = holds ? mark::holds : mark::off,
        .doubtful = simd->doubtful};
}

maybe_finding storm(const measurement& all) {
    const figure_point* const threads = point_near(all, "storm.thread.cpu");
    const figure_point* const fibers = point_near(all, "storm.fiber.cpu");
    const auto rate = median_near(all, "storm.thread.rate");
    if (threads == nullptr || fibers == nullptr || !rate) {
        return std::nullopt;
    }
    const double more = threads->value.median / fibers->value.median;
    return finding{
        .measured =
            fmt::format("{} of CPU for a wake-up of a thread, {} of a fiber; {} reached of 10 M/s",
                        figure_text(threads->value.median, unit::nanoseconds),
                        figure_text(fibers->value.median, unit::nanoseconds),
                        figure_text(*rate, unit::per_second)),
        .conclusion = more >= 1
                          ? fmt::format("{} the CPU of fibers", lab::text_of_factor(more))
                          : fmt::format("fibers need {} as much", lab::text_of_factor(1 / more)),
        .mark = more > 1.5 ? mark::holds : mark::partly,
        .doubtful = threads->doubtful || fibers->doubtful};
}

maybe_finding small_and_large(const measurement& all) {
    const measured_figure* const forks = find_figure(all, "fork.first_word");
    const measured_figure* const zygotes = find_figure(all, "zygote.first_word");
    if (forks == nullptr || zygotes == nullptr || forks->points.size() < 2) {
        return std::nullopt;
    }
    const auto& small = forks->points.front();
    const auto& large = forks->points.back();
    const auto& zygote = zygotes->points.back();
    const double more = large.value.median / small.value.median;
    return finding{
        .measured = fmt::format(
            "{} at {}, {} at {}; through a zygote {}",
            figure_text(small.value.median, unit::nanoseconds), place_text(small.at, unit::bytes),
            figure_text(large.value.median, unit::nanoseconds), place_text(large.at, unit::bytes),
            figure_text(zygote.value.median, unit::nanoseconds)),
        .conclusion = fmt::format("{} dearer; a zygote is the way out", lab::text_of_factor(more)),
        .mark = more > about ? mark::holds : mark::off,
        .doubtful = any_doubtful(*forks)};
}

maybe_finding process_for_each(const measurement& all) {
    const auto processes = median_near(all, "postgres.processes", 1000);
    const auto connect = median_near(all, "postgres.connect");
    if (!processes || !connect) {
        return std::nullopt;
    }
    const bool one = std::abs(*processes - 1) < 0.05;
    return finding{.measured = fmt::format("{:.2f} processes for a connection, which takes {}",
                                           *processes, figure_text(*connect, unit::nanoseconds)),
                   .conclusion = one ? "as claimed" : "not one for each",
                   .mark = one ? mark::holds : mark::off};
}

maybe_finding memory_of_a_connection(const measurement& all) {
    auto line = between(all, "postgres.memory", 100, unit::bytes, 5e6, 10e6);
    if (line) {
        if (const auto more = median_near(all, "postgres.memory.by_use")) {
            line->measured +=
                fmt::format(" unused, + {} by the first use", figure_text(*more, unit::bytes));
        }
    }
    return line;
}

maybe_finding a_thousand_connections(const measurement& all) {
    const figure_point* const point = point_near(all, "postgres.memory", 1000);
    const auto more = median_near(all, "postgres.memory.by_use");
    if (point == nullptr || !more) {
        return std::nullopt;
    }
    constexpr double claimed = 10e9;
    const double total = 1000 * (point->value.median + *more);
    return finding{
        .measured =
            fmt::format("{} in all, once used, by {} of them", figure_text(total, unit::bytes),
                        place_text(point->at, unit::plain)),
        .conclusion = is_about(total, claimed) ? "about as claimed" : against(total, claimed),
        .mark = is_about(total, claimed) ? mark::holds : mark::off,
        .doubtful = point->doubtful};
}

struct stated_claim {
    std::string_view id;
    std::string_view subject;
    std::string_view claimed;
    /// Null: there is no probe for it.
    maybe_finding (*find)(const measurement& all);
};

constexpr auto ns = unit::nanoseconds;

constexpr std::array stated{
    stated_claim{"C1", "PostgreSQL: a client is a forked process", "1:1", &process_for_each},
    stated_claim{"C2", "fork() of a 50 MB process", "~2 ms",
                 [](const measurement& all) {
                     return between(all, "fork.call", 50 * mebibyte, ns, 2e6, 2e6);
                 }},
    stated_claim{"C3", "memory of a PostgreSQL connection", "5-10 MB", &memory_of_a_connection},
    stated_claim{"C4", "1,000 PostgreSQL connections", "~10 GB", &a_thousand_connections},
    stated_claim{"C5", "creating a thread", "~50 us",
                 [](const measurement& all) {
                     return between(all, "thread.create_join", 0, ns, 50'000, 50'000);
                 }},
    stated_claim{"C6", "stack of a thread", "1-8 MB", &stack_of_a_thread},
    stated_claim{"C7", "switching kernel threads", "1-10 us + TLB flush", &thread_switch},
    stated_claim{
        "C8", "creating a user-space thread", "~200 ns",
        [](const measurement& all) { return between(all, "fiber.create", 0, ns, 200, 200); }},
    stated_claim{"C9", "stack of a user-space thread", "2 KB, grows on demand", &stack_of_a_fiber},
    stated_claim{"C10", "switching user-space threads", "~100 ns, no TLB flush", &fiber_switch},
    stated_claim{"C11", "a process: text, data, heap, stack, descriptors of its own", "its own",
                 &own_address_space},
    stated_claim{"C12", "threads share all but stack, registers and TLS", "shared",
                 &shared_by_threads},
    stated_claim{"C13", "the kernel's scheduler: CPU time by weight", "by virtual runtime",
                 &shares},
    stated_claim{"C14", "the scheduler runs at each timer tick", "4 ms at HZ=250", &ticks},
    stated_claim{"C15", "steps of a switch: floating point and SIMD", "~100 cycles", &switch_steps},
    stated_claim{
        "C16", "first write to a page after fork", "~1 us",
        [](const measurement& all) { return between(all, "cow.child", 0, ns, 1'000, 1'000); }},
    stated_claim{"C17", "shared memory is mapped after fork, not copied", "no copy",
                 &shared_memory},
    stated_claim{"C18", "a bug in a thread can crash all, in a process only itself", "isolation",
                 &isolation},
    stated_claim{"C19", "fork() grows with the pages of the process", "O(n)",
                 [](const measurement& all) { return grows_as(all, "fork.call", law::linear); }},
    stated_claim{
        "C20", "creating a thread, by threads alive", "O(1)",
        [](const measurement& all) { return grows_as(all, "thread.create", law::constant); }},
    stated_claim{
        "C21", "creating a user-space thread, by their number", "O(1)",
        [](const measurement& all) { return grows_as(all, "fiber.create", law::constant); }},
    stated_claim{"C22", "switching kernel threads, by runnable ones", "O(1)",
                 [](const measurement& all) {
                     return grows_as(all, "switch.thread.runnable", law::constant);
                 }},
    stated_claim{
        "C23", "switching user-space threads, by runnable ones", "O(1)",
        [](const measurement& all) { return grows_as(all, "switch.fiber", law::constant); }},
    stated_claim{"C24", "10,000 clients, a thread each", "80 GB, infeasible",
                 [](const measurement& all) { return clients_of(all, "thread", 80e9, true); }},
    stated_claim{"C25", "10,000 clients, a process each", "100 GB, infeasible",
                 [](const measurement& all) { return clients_of(all, "process", 100e9, true); }},
    stated_claim{"C26", "10,000 clients, a user-space thread each", "20 MB, trivial",
                 [](const measurement& all) { return clients_of(all, "fiber", 20e6, false); }},
    stated_claim{"C27", "10,000 clients, a coroutine each", "20 MB, trivial",
                 [](const measurement& all) { return clients_of(all, "coroutine", 20e6, false); }},
    stated_claim{"C28", "10,000 threads switching every 1 ms", "significant CPU waste", &storm},
    stated_claim{"C29", "fork() is cheap for small processes, dear for large", "by size",
                 &small_and_large},
    stated_claim{"C30", "connection pools matter", "a pooler helps", nullptr}};

/// Why there is no measurement.
std::string reason_of(const measurement& all, std::string_view id) {
    if (id == "C30") {
        return "no probe yet (make bars ONLY=pool measures weft-pool)";
    }
    for (const probe& one : all_probes()) {
        if (std::ranges::find(one.claims, id) == one.claims.end()) {
            continue;
        }
        const probe_outcome* const outcome = find_outcome(all, one.name);
        if (outcome == nullptr) {
            continue;
        }
        if (outcome->state != probe_state::ok) {
            return outcome->reason.empty() ? std::string(name_of(outcome->state))
                                           : fmt::format("{}: {}", one.name, outcome->reason);
        }
        return "too few points for it";
    }
    return "not asked for";
}

}  // namespace

std::vector<claim_line> claims_of(const measurement& all) {
    std::vector<claim_line> lines;
    for (const stated_claim& claim : stated) {
        claim_line line{.id = std::string(claim.id),
                        .subject = std::string(claim.subject),
                        .claimed = std::string(claim.claimed),
                        .measured = {},
                        .conclusion = {},
                        .mark = std::nullopt};
        if (auto here = claim.find != nullptr ? claim.find(all) : std::nullopt) {
            line.measured = std::move(here->measured);
            line.conclusion = std::move(here->conclusion);
            line.mark = here->mark;
            line.doubtful = here->doubtful;
        } else {
            line.conclusion = reason_of(all, claim.id);
        }
        lines.push_back(std::move(line));
    }
    return lines;
}

}  // namespace weft::measure
