// SPDX-License-Identifier: Apache-2.0
//
// A workload and what came of it under each policy: what all reports are made from. Plain data.
#pragma once

#include <string>
#include <vector>

#include "measures.h"
#include "recording.h"
#include "workload.h"

namespace weft::sim {

struct policy_outcome {
    recording run;
    measures measured;
};

struct outcome {
    workload work;
    std::vector<policy_outcome> policies;
    std::string how = {};  ///< it was run, if it was not simulated
};

/// Tasks are named alike under every policy, but not all of them need exist under each: a fork bomb
/// may not get to fork. Null: there is none.
const task_measures* find_task(const policy_outcome& in, std::string_view name);

/// "-5"; what a report says of a task beside its name.
std::string nice_of(const workload& work, const task_record& task);

/// The names of all tasks of all policies: first those that were there from the start.
std::vector<const task_record*> tasks_of(const outcome& all);

/// Whether the ideal shares are the same under all policies, to a thousandth of the CPU. They
/// differ where forks or ends of tasks do.
bool has_one_ideal(const outcome& all);

}  // namespace weft::sim
