// SPDX-License-Identifier: Apache-2.0
//
// schedule: which model runs when. A visit is one life of a model's processes: its servers start,
// run some phases and end. Pure functions.
//
// The open loop needs one rate for all models, half of what the slowest reached in its closed loop.
// Unless the user gives the rate, each repeat therefore visits every model twice: first up to the
// closed loop, then, with new processes and clients, the rest. Keeping the first processes alive
// meanwhile was rejected: forty thousand connections and ten thousand processes would stand in the
// memory and the tables of the kernel while the others are measured.
#pragma once

#include "clients_options.h"
#include "limits.h"
#include "phases.h"
#include "progress.h"

#include <span>
#include <vector>

namespace weft::lab {

struct visit {
    unsigned repeat = 1;
    /// Index of the model's plan.
    std::size_t plan = 0;
    std::vector<phase_kind> phases;
    /// The model's second visit in this repeat: its clients connect again, unmeasured.
    bool again = false;
};

/// In the order in which they run; models without clients are not visited. The order of the models
/// differs from repeat to repeat and depends on the seed alone.
std::vector<visit> schedule_of(const clients_options& options, std::span<const model_plan> plans);

/// Whether threads and fibers are timed alone before the visits. A sanitizer's own cost would be
/// all that is timed.
bool has_probes(const clients_options& options, std::span<const visit> visits) noexcept;

/// One for each phase of each visit, in order.
std::vector<progress_step> steps_of(std::span<const visit> visits, const clients_options& options,
                                    std::span<const model_plan> plans);

}  // namespace weft::lab
