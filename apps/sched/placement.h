// SPDX-License-Identifier: Apache-2.0
//
// Which task should be on which CPU: decisions only, simulation.h carries them out. A CPU's load is
// the weight of those that may run there, where a member of a group has the part of the group's
// weight that it is of all members.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "simulated_task.h"
#include "workload.h"

namespace weft::sim {

class placement {
public:
    using task_list = std::vector<std::unique_ptr<simulated_task>>;

    /// All must live as long.
    placement(const workload& work, const task_list& tasks) : work_(work), tasks_(tasks) {}

    [[nodiscard]] std::uint32_t least_loaded() const;

    /// Who moves where, so that the most loaded CPU of those that several share and the least
    /// loaded one are no less equal; null: nobody. Where loads cannot be equal, three equal tasks
    /// on two CPUs, somebody moves each time; it is the one that has had most for its weight, so
    /// that who has had least has a CPU with fewer others.
    struct move {
        simulated_task* task = nullptr;
        std::uint32_t to = 0;
    };
    [[nodiscard]] move balancing() const;

private:
    [[nodiscard]] std::vector<double> weights_of_groups() const;
    [[nodiscard]] double load_of(const simulated_task& t, std::span<const double> groups) const;
    [[nodiscard]] std::vector<double> loads(std::span<const double> groups) const;

    const workload& work_;
    const task_list& tasks_;
};

}  // namespace weft::sim
