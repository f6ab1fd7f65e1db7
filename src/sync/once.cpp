// SPDX-License-Identifier: Apache-2.0
//
// A gate that is open while nobody calls. All who waited are woken when a call ends, also by an
// exception, after which they compete for being the next to call: that is rare, and one that was
// woken alone might have given up.
#include "sync/once_core.h"

#include "base/assert.h"
#include "sync/bounded_wait.h"
#include "sync/gate.h"
#include "sync/mutex_core.h"

namespace weft::sync {

namespace {

bool nobody_calls(std::uint64_t value) noexcept {
    return (value & once_core::running) == 0;
}

}  // namespace

bool once_core::ready_or_queue(once_flag& flag, wait_node& node) noexcept {
    return gate::ready_or_queue(flag.word_, flag.queue_, node, nobody_calls);
}

bool once_core::finish(once_flag& flag, wait_node& node, sched::wake_reason reason) noexcept {
    return gate::leave(flag.word_, flag.queue_, node, reason);
}

bool once_core::try_begin(once_flag& flag) noexcept {
    std::uint64_t seen = once_flag::never;
    if (!__atomic_compare_exchange_n(&flag.word_, &seen, once_flag::running, false,
                                     __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
        return false;
    }
    const void* const me = current_owner();
    __atomic_store_n(&flag.runner_, names_one(me) ? me : nullptr, __ATOMIC_RELAXED);
    return true;
}

void once_core::end(once_flag& flag, std::uint64_t state) noexcept {
    __atomic_store_n(&flag.runner_, nullptr, __ATOMIC_RELAXED);
    const auto to_state = [state](std::uint64_t) { return state; };
    gate::change(flag.word_, flag.queue_, to_state, nobody_calls);
}

void once_core::check_caller(const once_flag& flag) noexcept {
    WEFT_ASSERT(__atomic_load_n(&flag.runner_, __ATOMIC_RELAXED) != current_owner(),
                "call_once() from inside of the call that it would wait for");
}

bool once_run::try_begin() noexcept {
    mine_ = once_core::try_begin(flag_);
    return mine_;
}

bool once_run::begin() noexcept {
    while (!is_done()) {
        if (try_begin()) {
            return true;
        }
        once_core::check_caller(flag_);
        wait_unbounded<once_core>(flag_);
    }
    return false;
}

result<bool> once_run::begin(deadline until) noexcept {
    while (!is_done()) {
        if (try_begin()) {
            return true;
        }
        once_core::check_caller(flag_);
        if (const result<void> ended = wait_bounded<once_core>(flag_, until); !ended) {
            return std::unexpected(ended.error());
        }
    }
    return false;
}

void once_run::end(std::uint64_t state) noexcept {
    once_core::end(flag_, state);
}

}  // namespace weft::sync

namespace weft {

void once_flag::check_unused() const noexcept {
    WEFT_ASSERT(sync::looks_empty(queue_), "a once_flag is destroyed while somebody waits for it");
    WEFT_ASSERT((__atomic_load_n(&word_, __ATOMIC_RELAXED) & running) == 0,
                "a once_flag is destroyed while its call runs");
}

}  // namespace weft
