// SPDX-License-Identifier: Apache-2.0
//
// A gate that is open when nothing is left to be done.
#include "sync/wait_group_core.h"

#include "base/assert.h"
#include "sync/bounded_wait.h"
#include "sync/gate.h"

namespace weft {

namespace {

bool nothing_left(std::uint64_t value) noexcept {
    return value == 0;
}

}  // namespace

namespace sync {

bool wait_group_core::ready_or_queue(wait_group& group, wait_node& node) noexcept {
    return gate::ready_or_queue(group.word_, group.queue_, node, nothing_left);
}

bool wait_group_core::finish(wait_group& group, wait_node& node,
                             sched::wake_reason reason) noexcept {
    return gate::leave(group.word_, group.queue_, node, reason);
}

}  // namespace sync

void wait_group::wait_slow() noexcept {
    sync::wait_unbounded<sync::wait_group_core>(*this);
}

result<void> wait_group::wait_slow(deadline until) noexcept {
    return sync::wait_bounded<sync::wait_group_core>(*this, until);
}

void wait_group::done_slow() noexcept {
    const auto one_less = [](std::uint64_t value) {
        WEFT_ASSERT(value >= one, "done() of a wait_group with nothing left to be done");
        return value - one;
    };
    sync::gate::change(word_, queue_, one_less, nothing_left);
}

void wait_group::check_unused() const noexcept {
    WEFT_ASSERT(sync::looks_empty(queue_), "a wait_group is destroyed while somebody waits for it");
}

}  // namespace weft
