// SPDX-License-Identifier: Apache-2.0
//
// The public face of groups.
#include <weft/fiber_group.h>

#include <algorithm>

#include "base/assert.h"
#include "sched/current.h"
#include "sched/scheduler.h"

namespace weft {

namespace {

sched::scheduler& scheduler_here() {
    sched::scheduler* const here = sched::current_scheduler();
    WEFT_ASSERT(here != nullptr, "a weft::fiber_group outside a runtime; say of which one it is");
    return *here;
}

std::uint32_t clamped(std::uint32_t weight) noexcept {
    return std::clamp(weight, least_weight, greatest_weight);
}

sched::group& checked(sched::group* group) noexcept {
    WEFT_ASSERT(group != nullptr, "a weft::fiber_group is used that was moved from");
    return *group;
}

}  // namespace

fiber_group::fiber_group(sched::scheduler& owner, const fiber_group_options& options)
    : group_(&owner.groups().create({.name = options.name, .weight = clamped(options.weight)})),
      owner_(&owner) {}

fiber_group::fiber_group(const fiber_group_options& options)
    : fiber_group(scheduler_here(), options) {}

fiber_group::~fiber_group() {
    if (group_ != nullptr) {
        owner_->groups().drop_handle(*group_);
    }
}

void fiber_group::set_weight(std::uint32_t weight) noexcept {
    checked(group_).set_weight(clamped(weight));
}

std::uint32_t fiber_group::weight() const noexcept {
    return checked(group_).weight();
}

std::string_view fiber_group::name() const noexcept {
    return checked(group_).name();
}

fiber_group_stats fiber_group::stats() const noexcept {
    const sched::group& group = checked(group_);
    return {
        .cpu_time = std::chrono::nanoseconds(group.ran()),
        .fibers = group.members(),
    };
}

}  // namespace weft
