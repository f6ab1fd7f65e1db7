// SPDX-License-Identifier: Apache-2.0
#include "runner.h"

#include <algorithm>
#include <system_error>
#include <thread>
#include <utility>

#include <fmt/format.h>
#include <poll.h>
#include <weft/runtime.h>

#include "switch_recorder.h"
#include "task_loop.h"
#include "thread_facts.h"

namespace weft::live {

namespace {

/// What the tasks leave is looked after this often.
constexpr nanoseconds look_interval = 100 * sim::ms;

std::vector<task_log> logs_of(const sim::workload& work) {
    std::vector<task_log> logs;
    for (std::size_t i = 0; i < work.tasks.size(); ++i) {
        const sim::task_spec& spec = work.tasks[i];
        for (std::uint64_t n = 1; n <= spec.count; ++n) {
            logs.push_back({.name = spec.count > 1 ? fmt::format("{}-{}", spec.name, n) : spec.name,
                            .spec = i});
        }
    }
    return logs;
}

/// Opens the gate at the latest when it ends, so that tasks can be joined when not all could be
/// started. The run is over at once for them, since it has no end yet.
class gate_opener {
public:
    explicit gate_opener(stage& on) : on_(on) {}
    ~gate_opener() {
        if (!on_.gate.is_done()) {
            on_.gate.done();
        }
    }
    gate_opener(const gate_opener&) = delete;
    gate_opener& operator=(const gate_opener&) = delete;

private:
    stage& on_;
};

/// Starts the tasks, opens the gate when all are ready, and waits until all have ended.
class host {
public:
    host(const live_plan& plan, stage& on, live_run& into) : plan_(plan), on_(on), into_(into) {}

    /// On a thread of its own, whose CPUs the tasks inherit.
    void run() noexcept {
        const gate_opener opener(on_);
        try {
            if (const std::error_code error = pin_thread(plan_.cpus)) {
                throw std::system_error(error, "pinning to CPUs");
            }
            into_.kind == task_kind::fibers ? run_fibers() : run_threads();
        } catch (const std::exception& caught) {
            error_ = caught.what();
        }
    }

    [[nodiscard]] const std::string& error() const noexcept { return error_; }

private:
    void open() {
        on_.ready.wait();
        on_.start = steady_now();
        on_.end = on_.start + plan_.work.duration;
        on_.gate.done();
    }

    void run_threads() {
        std::vector<std::jthread> threads;
        const gate_opener opener(on_);
        for (std::size_t i = 0; i < into_.tasks.size(); ++i) {
            threads.emplace_back([this, i] { run_thread(i); });
        }
        open();
    }

    void run_thread(std::size_t number) {
        task_log& log = into_.tasks[number];
        if (const auto error = set_nice_of_thread(plan_.work.tasks[log.spec].nice)) {
            log.error = fmt::format("setting nice {}: {}", plan_.work.tasks[log.spec].nice,
                                    error.message());
        }
        log.has_slice = !plan_.slice || set_slice_of_thread(*plan_.slice);
        run_task(plan_.work, number, on_, log);
    }

    void run_fibers() {
        runtime_options options{.workers = static_cast<unsigned>(plan_.cpus.size())};
        if (plan_.slice) {
            options.slice = std::chrono::nanoseconds(*plan_.slice);
        }
        runtime system(options);
        std::vector<fiber> fibers;
        const gate_opener opener(on_);
        for (std::size_t i = 0; i < into_.tasks.size(); ++i) {
            task_log& log = into_.tasks[i];
            fibers.push_back(system.spawn(
                fiber_options{.name = log.name, .nice = plan_.work.tasks[log.spec].nice},
                [this, i] { run_task(plan_.work, i, on_, into_.tasks[i]); }));
        }
        on_.ready.wait();
        const runtime_counts before = counts_of(system.stats());
        open();
        for (fiber& one : fibers) {
            one.join();
        }
        while (system.stats().live != 0) {
            std::this_thread::yield();  // join() returns before the last ones are counted
        }
        const runtime_counts after = counts_of(system.stats());
        into_.runtime = runtime_counts{.dispatched = after.dispatched - before.dispatched,
                                       .preempted = after.preempted - before.preempted,
                                       .blocked = after.blocked - before.blocked,
                                       .finished = after.finished - before.finished};
    }

    static runtime_counts counts_of(const runtime_stats& stats) {
        runtime_counts sum;
        for (const worker_stats& worker : stats.workers) {
            sum.dispatched += worker.dispatched;
            sum.preempted += worker.preempted;
            sum.blocked += worker.blocked;
            sum.finished += worker.finished;
        }
        return sum;
    }

    const live_plan& plan_;
    stage& on_;
    live_run& into_;
    std::string error_;
};

/// Until the run should be over, or somebody wants it to be. True if so.
bool wait_for_end(nanoseconds end, int stop_fd, switch_recorder& recorder) {
    for (nanoseconds now = steady_now(); now < end; now = steady_now()) {
        pollfd one{.fd = stop_fd, .events = POLLIN, .revents = 0};
        const nanoseconds rest = std::min(end - now, look_interval);
        if (::poll(&one, 1, static_cast<int>(rest / sim::ms) + 1) > 0) {
            return true;
        }
        recorder.drain();
    }
    return false;
}

}  // namespace

std::expected<live_run, std::string> run_live(task_kind kind, const live_plan& plan, int stop_fd) {
    live_run run{.kind = kind, .duration = plan.work.duration, .tasks = logs_of(plan.work)};
    stage on(run.tasks.size());
    switch_recorder recorder(plan.cpus);
    host hosts(plan, on, run);
    std::thread thread([&hosts] { hosts.run(); });
    on.gate.wait();
    run.interrupted = wait_for_end(on.end, stop_fd, recorder);
    on.stopped.done();
    thread.join();
    recorder.drain();
    run.kernel = recorder.records(on.start, on.end);
    if (!hosts.error().empty()) {
        return std::unexpected(fmt::format("{}: {}", name_of(kind), hosts.error()));
    }
    for (const task_log& task : run.tasks) {
        if (!task.error.empty()) {
            return std::unexpected(fmt::format("{}: {}: {}", name_of(kind), task.name, task.error));
        }
    }
    return run;
}

}  // namespace weft::live
