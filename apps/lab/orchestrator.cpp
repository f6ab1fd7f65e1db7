// SPDX-License-Identifier: Apache-2.0
#include "orchestrator.h"

#include "machine_info.h"
#include "model_rig.h"
#include "probes.h"
#include "statistics.h"
#include "summary.h"
#include "units.h"

#include <algorithm>
#include <cerrno>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <weft/runtime.h>

namespace weft::lab {

namespace {

/// The slowest model need not be slow enough for a rate of less.
constexpr double least_rate = 1;

std::vector<model_plan> plans_of(const clients_options& options, const machine_limits& limits) {
    std::vector<model_plan> plans;
    for (const model_id model : options.models) {
        plans.push_back(plan_model(model, options.clients, options.message_size, limits));
        if (options.workers != 0) {
            plans.back().workers = options.workers;
        }
    }
    return plans;
}

machine_limits raised_limits() {
    raise_soft_limits();
    return read_limits();
}

constexpr double probe_seconds = 2;

/// The probes, if they run, then the phases of all visits.
std::vector<progress_step> all_steps(const std::vector<visit>& visits,
                                     const clients_options& options,
                                     const std::vector<model_plan>& plans) {
    std::vector<progress_step> steps;
    if (has_probes(options, visits)) {
        steps.push_back(
            {.model = "", .phase = "threads and fibers alone", .expected_seconds = probe_seconds});
    }
    const auto phases = steps_of(visits, options, plans);
    steps.insert(steps.end(), phases.begin(), phases.end());
    return steps;
}

/// What a thread's stack reserves when nobody says so.
std::uint64_t default_thread_stack() {
    rlimit value{};
    constexpr std::uint64_t usual = std::uint64_t{8} << 20;
    return ::getrlimit(RLIMIT_STACK, &value) == 0 && value.rlim_cur != RLIM_INFINITY
               ? value.rlim_cur
               : usual;
}

/// The outcome of a model: of its first repeat that went wrong.
outcome worst_of(const std::vector<repeat>& repeats) {
    const auto wrong = std::ranges::find_if(
        repeats, [](const repeat& one) { return one.outcome.state != outcome_state::ok; });
    return wrong == repeats.end() ? outcome{} : wrong->outcome;
}

/// The median of what was heard in each repeat of each model.
noise middle_of(const std::vector<model_result>& models) {
    std::vector<double> steal;
    std::vector<double> foreign;
    for (const model_result& model : models) {
        for (const repeat& one : model.repeats) {
            steal.push_back(one.noise.steal_percent);
            foreign.push_back(one.noise.foreign_percent);
        }
    }
    return {.steal_percent = median(steal).value_or(0),
            .foreign_percent = median(foreign).value_or(0)};
}

}  // namespace

orchestrator::orchestrator(const clients_options& options, const interrupts& signals,
                           int progress_fd)
    : options_(options),
      signals_(signals),
      limits_(raised_limits()),
      plans_(plans_of(options, limits_)),
      visits_(schedule_of(options, plans_)),
      progress_(progress_fd, all_steps(visits_, options, plans_), options.repeats),
      rate_(options.rate) {
    // What a server leaves behind when it is killed becomes a child of this process, which can then
    // wait for its end: the run is over when all its processes are.
    if (::prctl(PR_SET_CHILD_SUBREAPER, 1) != 0) {
        throw std::system_error(errno, std::generic_category(), "prctl");
    }
    describe_run();
}

void orchestrator::describe_run() {
    run_info& info = results_.run;
    info.started_at = time_stamp();
    info.weft_version = WEFT_VERSION;
    info.command_line = options_.command_line;
    info.seed = options_.seed;
    info.repeats = options_.repeats;
    info.clients_asked = options_.clients;
    info.message_bytes = options_.message_size;
    info.handler = to_string(options_.what);
    info.duration_seconds = options_.duration_seconds;
    info.thread_stack_bytes =
        options_.thread_stack != 0 ? options_.thread_stack : default_thread_stack();
    info.fiber_stack_bytes =
        options_.fiber_stack != 0 ? options_.fiber_stack : runtime_options().stack_size;
    info.machine = read_machine();
    info.machine.limits = limits_.listed;
    for (const model_plan& plan : plans_) {
        info.clients = std::max(info.clients, plan.clients);
        const bool has_workers = plan.model == model_id::fiber || plan.model == model_id::coroutine;
        results_.models.push_back(
            {.model = plan.model,
             .outcome = plan.outcome,
             .clients = plan.clients,
             .servers = plan.servers,
             .loads = plan.loads,
             .workers = has_workers ? std::optional(plan.workers) : std::nullopt});
        if (plan.change) {
            info.adjustments.push_back(*plan.change);
        }
    }
    for (const visit& one : visits_) {
        if (!one.again) {
            info.order.push_back(plans_[one.plan].model);
        }
    }
}

results orchestrator::run() {
    for (const model_result& model : results_.models) {
        if (model.outcome.state == outcome_state::left_out) {
            progress_.note(fmt::format("{}: {}", name_of(model.model), sentence_of(model.outcome)));
        }
    }
    for (const adjustment& change : results_.run.adjustments) {
        progress_.note(sentence_of(change));
    }
    const auto started = clock::now();
    std::size_t first_step = 0;
    if (has_probes(options_, visits_)) {
        probe_alone();
        ++first_step;
    }
    for (const visit& one : visits_) {
        if (one.again && rate_ == 0) {
            rate_ = open_rate();
        }
        stopped_ = stopped_ || signals_.requested();
        outcome& how = place_of(one).outcome;
        if (stopped_ && how.state == outcome_state::ok) {
            how = interrupted_outcome();
        } else if (!stopped_ && !(one.again && how.state != outcome_state::ok)) {
            make_visit(one, first_step);
        }
        first_step += one.phases.size();
    }
    progress_.clear();
    conclude(std::chrono::duration<double>(clock::now() - started).count());
    return std::move(results_);
}

/// Says nothing about clients: a run without them goes on.
void orchestrator::probe_alone() {
    progress_.begin(0);
    auto probes = run_probes(signals_);
    if (probes) {
        results_.probes = std::move(*probes);
    } else if (probes.error().state != outcome_state::interrupted) {
        results_.run.warnings.push_back(probes.error().reason);
    }
}

repeat& orchestrator::place_of(const visit& one) {
    auto& repeats = results_.models[one.plan].repeats;
    if (repeats.size() < one.repeat) {
        repeats.resize(one.repeat);
        repeats.back().index = one.repeat;
    }
    return repeats[one.repeat - 1];
}

void orchestrator::make_visit(const visit& one, std::size_t first_step) {
    const model_plan& plan = plans_[one.plan];
    repeat& into = place_of(one);
    progress_.begin(first_step);
    bool counts_clients = true;
    model_rig rig(options_, plan, limits_, signals_,
                  [this, &counts_clients](std::uint64_t done, std::uint64_t total) {
                      if (counts_clients) {
                          progress_.count(done, total, "clients");
                      }
                  });
    phase_runner runner(options_, plan, rig);
    auto done = rig.start();
    if (done) {
        done = runner.begin();
    }
    for (std::size_t i = 0; done && i < one.phases.size(); ++i) {
        const phase_kind kind = one.phases[i];
        progress_.begin(first_step + i);
        counts_clients = kind == phase_kind::connect || kind == phase_kind::poison;
        if (one.again && kind == phase_kind::connect) {
            repeat unmeasured;
            done = runner.run(kind, rate_, unmeasured);
        } else if (kind != phase_kind::open || rate_ > 0) {
            done = runner.run(kind, rate_, into);
        }
    }
    take_over(runner, into);
    if (done && !into.poison) {  // a poisoned server is dead or stopped already
        done = stop(rig, plan);
    }
    if (!done) {
        into.outcome = std::move(done.error());
        stopped_ = into.outcome.state == outcome_state::interrupted;
        if (!stopped_) {
            progress_.note(fmt::format("{}: {}", name_of(plan.model), sentence_of(into.outcome)));
        }
    }
}

/// Ends the servers as their user would, and looks at what they counted.
step<void> orchestrator::stop(model_rig& rig, const model_plan& plan) {
    const auto counts = rig.stop();
    if (!counts) {
        return std::unexpected(counts.error());
    }
    const auto warn = [&](std::uint64_t count, std::string_view what) {
        if (count != 0) {
            results_.run.warnings.push_back(fmt::format(
                "{}: the server {} {} clients", name_of(plan.model), what, text_of_count(count)));
        }
    };
    warn(counts->refused, "refused");
    warn(counts->failed, "failed");
    warn(counts->crashed, "lost, by a crash,");
    return {};
}

void orchestrator::take_over(const phase_runner& runner, repeat& into) {
    const heard_noise heard = runner.heard();
    into.noise.steal_percent = std::max(into.noise.steal_percent, heard.steal_percent);
    into.noise.foreign_percent = std::max(into.noise.foreign_percent, heard.foreign_percent);
    into.noise.flags.insert(into.noise.flags.end(), heard.flags.begin(), heard.flags.end());
    auto& warnings = results_.run.warnings;
    warnings.insert(warnings.end(), runner.warnings().begin(), runner.warnings().end());
}

/// Half of what the slowest model reached; 0 when none has a closed loop.
double orchestrator::open_rate() const {
    std::optional<double> slowest;
    for (const model_result& model : results_.models) {
        if (model.repeats.empty() || !model.repeats.front().closed) {
            continue;
        }
        const double reached = model.repeats.front().closed->requests_per_s;
        if (reached > 0) {
            slowest = std::min(slowest.value_or(reached), reached);
        }
    }
    return slowest ? std::max(least_rate, *slowest / 2) : 0;
}

void orchestrator::conclude(double seconds) {
    run_info& info = results_.run;
    info.elapsed_seconds = seconds;
    info.interrupted = stopped_;
    info.noise = middle_of(results_.models);
    for (model_result& model : results_.models) {
        if (model.outcome.state == outcome_state::ok) {
            model.outcome = worst_of(model.repeats);
        }
    }
    for (std::string& warning : generator_warnings(results_)) {
        info.warnings.push_back(std::move(warning));
    }
}

}  // namespace weft::lab
