// SPDX-License-Identifier: Apache-2.0
#include "sched/local_values.h"

#include <algorithm>

#include "base/assert.h"
#include "base/atomic.h"
#include "sched/current.h"
#include "sched/fiber_block.h"
#include "sched/thread_state.h"

namespace weft {

namespace sched {

void local_values::remove(std::uint64_t key) noexcept {
    const auto found = std::ranges::find(entries_, key, &entry::key);
    if (found != entries_.end()) {
        const entry gone = *found;
        entries_.erase(found);
        gone.type->destroy(gone.value);
    }
}

void local_values::clear() noexcept {
    while (!entries_.empty()) {
        const entry last = entries_.back();
        entries_.pop_back();
        last.type->destroy(last.value);
    }
}

std::unique_ptr<local_values> local_values::inherit() const {
    std::unique_ptr<local_values> out;
    // By index, and with a copy: what is copied may use others, which are added here then.
    for (std::size_t i = 0; i < entries_.size(); ++i) {
        const entry e = entries_[i];
        if (e.type->copy == nullptr) {
            continue;
        }
        if (out == nullptr) {
            out = std::make_unique<local_values>();
        }
        out->entries_.reserve(entries_.size());  // so that no copy is lost
        out->add(e.key, e.type->copy(e.value), *e.type);
    }
    return out;
}

namespace {

/// Of a plain thread. Never called where the thread may change under the caller.
[[gnu::noinline]] local_values& of_thread() noexcept {
    thread_local local_values values;
    return values;
}

/// The caller's; null: a fiber that has none.
local_values* mine() noexcept {
    if (const fiber_block* const fiber = this_fiber_block()) [[likely]] {
        return fiber->locals();
    }
    WEFT_ASSERT(!on_coroutine(), "a fiber_local in a coroutine: only fibers and threads have them");
    return &of_thread();
}

}  // namespace

const local_values* inheritable_locals() noexcept {
    if (const fiber_block* const fiber = this_fiber_block()) [[likely]] {
        return fiber->locals();
    }
    return on_coroutine() ? nullptr : &of_thread();
}

}  // namespace sched

namespace detail {

std::uint64_t new_local_key() noexcept {
    static constinit base::atomic<std::uint64_t> last{0};
    return last.fetch_add(1, base::relaxed) + 1;
}

void* find_local(std::uint64_t key) noexcept {
    const sched::local_values* const values = sched::mine();
    return values != nullptr ? values->find(key) : nullptr;
}

void add_local(std::uint64_t key, void* value, const local_type& type) {
    sched::local_values* const values = sched::mine();
    (values != nullptr ? *values : sched::this_fiber_block()->make_locals()).add(key, value, type);
}

void remove_local(std::uint64_t key) noexcept {
    if (sched::local_values* const values = sched::mine()) {
        values->remove(key);
    }
}

void remove_locals() noexcept {
    if (sched::local_values* const values = sched::mine()) {
        values->clear();
    }
}

}  // namespace detail

}  // namespace weft
