// SPDX-License-Identifier: Apache-2.0
#include "ladder.h"

#include <algorithm>
#include <thread>

#include <fmt/format.h>
#include <weft/fair_entity.h>

#include "thread_facts.h"

namespace weft::live {

int lowest_nice(const sim::workload& work) {
    int least = greatest_nice;
    for (const sim::task_spec& task : work.tasks) {
        least = std::min(least, task.nice);
    }
    return least;
}

int least_permitted_nice(int wanted) {
    int permitted = greatest_nice;
    std::thread([&permitted, wanted] {
        for (int nice = wanted; nice < greatest_nice; ++nice) {
            if (!set_nice_of_thread(nice)) {
                permitted = nice;
                return;
            }
        }
    }).join();
    return permitted;
}

std::expected<int, std::string> shift_ladder(sim::workload& work, int least) {
    const int shift = std::max(least - lowest_nice(work), 0);
    int greatest = lowest_nice(work);
    for (const sim::task_spec& task : work.tasks) {
        greatest = std::max(greatest, task.nice);
    }
    if (greatest + shift > greatest_nice) {
        return std::unexpected(fmt::format(
            "nice {} to {} does not fit from {}, the least that is permitted here, to {}; it needs "
            "CAP_SYS_NICE or a higher RLIMIT_NICE",
            lowest_nice(work), greatest, least, greatest_nice));
    }
    for (sim::task_spec& task : work.tasks) {
        task.nice += shift;
    }
    return shift;
}

}  // namespace weft::live
