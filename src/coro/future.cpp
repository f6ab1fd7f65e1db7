// SPDX-License-Identifier: Apache-2.0
//
// A future is ready when its wait_group is done, which also wakes who waits for it alone. Whoever
// waits for any of several hangs a node into each; publish() fires those under the lock, so once
// unwatch() has had the lock nobody refers to the node.
#include <weft/future.h>

#include "base/word_lock.h"

namespace weft::detail {

void any_watch::fire(std::size_t index) noexcept {
    if (__atomic_exchange_n(&fired, 1u, __ATOMIC_ACQ_REL) == 0) {
        first = index;
        ready.done();
    }
}

void future_state_base::publish() noexcept {
    // Whoever waits may end both the future and the promise as soon as it is ready.
    hold();
    ready_.done();
    {
        const base::word_guard guard(lock_);
        for (any_watch::node* node = watches_; node != nullptr; node = node->next) {
            node->of->fire(node->index);
        }
        watches_ = nullptr;
    }
    let_go();
}

void future_state_base::watch(any_watch::node& watch) noexcept {
    const base::word_guard guard(lock_);
    if (ready_.is_done()) {
        watch.of->fire(watch.index);
        return;
    }
    watch.next = watches_;
    watches_ = &watch;
}

void future_state_base::unwatch(any_watch::node& watch) noexcept {
    const base::word_guard guard(lock_);
    for (any_watch::node** at = &watches_; *at != nullptr; at = &(*at)->next) {
        if (*at == &watch) {
            *at = watch.next;
            return;
        }
    }
}

void any_watch::begin(std::span<future_state_base* const> states, std::span<node> nodes) noexcept {
    for (std::size_t i = 0; i < states.size(); ++i) {
        nodes[i].of = this;
        nodes[i].index = i;
        states[i]->watch(nodes[i]);
    }
}

result<std::size_t> any_watch::end(std::span<future_state_base* const> states,
                                   std::span<node> nodes, const result<void>& waited) noexcept {
    for (std::size_t i = 0; i < states.size(); ++i) {
        states[i]->unwatch(nodes[i]);
    }
    if (!waited && !ready.is_done()) {
        return std::unexpected(waited.error());
    }
    return first;
}

}  // namespace weft::detail
