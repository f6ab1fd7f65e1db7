// SPDX-License-Identifier: Apache-2.0
//
// orchestrator: one run of `weft clients`, from the limits to the results. On the program's only
// thread: it starts processes, waits for them and for the user, and measures nothing itself.
//
// A model that fails does not end the run: its repeat says why, and the others go on. A stop by the
// user ends it at once, with what was measured until then. No process is left when run() returns
// or throws.
#pragma once

#include "clients_options.h"
#include "interrupts.h"
#include "limits.h"
#include "phases.h"
#include "progress.h"
#include "results.h"
#include "schedule.h"

#include <vector>

namespace weft::lab {

class orchestrator {
public:
    /// Progress and notes go to `progress_fd`.
    orchestrator(const clients_options& options, const interrupts& signals, int progress_fd);

    results run();

private:
    void describe_run();
    void probe_alone();
    void make_visit(const visit& one, std::size_t first_step);
    step<void> stop(model_rig& rig, const model_plan& plan);
    void take_over(const phase_runner& runner, repeat& into);
    repeat& place_of(const visit& one);
    [[nodiscard]] double open_rate() const;
    void conclude(double seconds);

    const clients_options& options_;
    const interrupts& signals_;
    machine_limits limits_;
    std::vector<model_plan> plans_;
    std::vector<visit> visits_;
    progress progress_;
    results results_;
    /// The same for all models and repeats, once the first repeat's closed loops are over.
    double rate_ = 0;
    bool stopped_ = false;
};

}  // namespace weft::lab
