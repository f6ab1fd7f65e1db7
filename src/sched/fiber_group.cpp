// SPDX-License-Identifier: Apache-2.0
//
// The public face of groups.
#include <weft/fiber_group.h>

#include <algorithm>
#include <stdexcept>

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

sched::group_options checked(const fiber_group_options& options) {
    constexpr std::chrono::milliseconds shortest(1);
    if (options.quota.count() != 0 && options.quota < shortest) {
        throw std::invalid_argument("fiber_group_options::quota must be 0 or at least 1 ms");
    }
    if (options.quota.count() != 0 &&
        (options.period < shortest || options.period > std::chrono::seconds(1))) {
        throw std::invalid_argument("fiber_group_options::period must be from 1 ms to 1 s");
    }
    return {
        .name = options.name,
        .weight = clamped(options.weight),
        .quota = options.quota.count(),
        .period = options.period.count(),
    };
}

sched::group& checked(sched::group* group) noexcept {
    WEFT_ASSERT(group != nullptr, "a weft::fiber_group is used that was moved from");
    return *group;
}

}  // namespace

fiber_group::fiber_group(sched::scheduler& owner, const fiber_group_options& options)
    : group_(&owner.groups().create(checked(options))), owner_(&owner) {}

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
        .throttled = group.quota().times_throttled(),
    };
}

}  // namespace weft
