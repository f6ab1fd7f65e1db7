// SPDX-License-Identifier: Apache-2.0
//
// A stop and the end of a wait meet at the watch's lock. The stop wakes under it, so once end() has
// had the lock nobody holds on to the waiter, and its next wait cannot be hit by an old stop. A
// stop that comes first leaves stopped_, which begin() finds.
#include <weft/detail/cancel_scope.h>

#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/thread_block.h"
#include "base/word_lock.h"
#include "sched/cancellable_wait.h"
#include "sched/fiber_block.h"
#include "sched/thread_state.h"

namespace weft::sched {

bool request_stop(const std::stop_source& source) noexcept {
    // The same thread's before and after: whoever leaves it in between aborts or, where NDEBUG is
    // defined, makes the counts wrong that nobody reads there.
    ++base::this_thread_block().stop_requests;
    const bool first = source.request_stop();
    --base::this_thread_block().stop_requests;
    return first;
}

void stop_fuse::burn() noexcept {
    std::uint64_t left = __atomic_load_n(&waits_left, __ATOMIC_RELAXED);
    while (left != 0 && !__atomic_compare_exchange_n(&waits_left, &left, left - 1, true,
                                                     __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
    }
    if (left == 1) {
        request_stop(source);
    }
}

stop_watch::~stop_watch() = default;

linked_stop::~linked_stop() = default;

void stop_watch::begin(waiter& who) noexcept {
    if (fuse_ != nullptr) [[unlikely]] {
        fuse_->burn();
    }
    const base::word_guard guard(lock_);
    who_ = &who;
    if (stopped_) {
        wake();
    }
}

void stop_watch::begin(int descriptor) noexcept {
    if (fuse_ != nullptr) [[unlikely]] {
        fuse_->burn();
    }
    const base::word_guard guard(lock_);
    descriptor_ = descriptor;
    if (stopped_) {
        wake();
    }
}

void stop_watch::end() noexcept {
    const base::word_guard guard(lock_);
    who_ = nullptr;
    descriptor_ = -1;
}

void stop_watch::stop() noexcept {
    const base::word_guard guard(lock_);
    stopped_ = true;
    wake();
}

void stop_watch::wake() noexcept {
    if (who_ != nullptr) {
        who_->wake(wake_reason::cancelled);
    }
    if (descriptor_ >= 0) {
        const std::uint64_t one = 1;
        [[maybe_unused]] const auto written = ::write(descriptor_, &one, sizeof one);
    }
}

cancel_region::cancel_region(const cancel_bounds* outer, const std::stop_token& token,
                             deadline until) {
    if (outer != nullptr) {
        bounds_ = *outer;
    }
    bounds_.until = std::min(bounds_.until, until);
    if (token.stop_possible() && (bounds_.watch == nullptr || token != bounds_.token)) {
        if (bounds_.watch != nullptr) {
            bounds_.token = linked_.emplace(bounds_.token, token).source().get_token();
        } else {
            bounds_.token = token;
        }
        bounds_.watch = &watch_.emplace(bounds_.token, bounds_.fuse);
    }
}

const cancel_bounds* current_bounds() noexcept {
    if (const fiber_block* const fiber = this_fiber_block()) {
        return fiber->bounds();
    }
    return static_cast<const cancel_bounds*>(base::this_thread_block().bounds);
}

void cancel_scope::set_current(const cancel_bounds* bounds) {
    if (fiber_block* const fiber = this_fiber_block()) {
        fiber->set_bounds(bounds);
    } else {
        base::this_thread_block().bounds = bounds;
    }
}

int ended_by(const cancel_bounds* bounds, deadline until) noexcept {
    if (bounds != nullptr) {
        if (bounds->token.stop_requested()) {
            return ECANCELED;
        }
        until = std::min(until, bounds->until);
    }
    return until.expired() ? ETIMEDOUT : 0;
}

namespace {

/// this_waiter(), where it is known already whether that is a fiber.
waiter& waiter_of(fiber_block* fiber) noexcept {
    return fiber != nullptr ? *fiber : this_waiter();
}

}  // namespace

cancellable_wait::cancellable_wait(deadline until) noexcept
    : who(waiter_of(this_fiber_block())), until_(until) {
    if (const cancel_bounds* const bounds = current_bounds()) [[unlikely]] {
        watch_ = bounds->watch;
        until_ = std::min(until_, bounds->until);
    }
}

wake_reason cancellable_wait::park() noexcept {
    if (watch_ == nullptr) [[likely]] {
        return who.park(until_.nanoseconds());
    }
    watch_->begin(who);
    const wake_reason reason = who.park(until_.nanoseconds());
    watch_->end();
    return reason;
}

}  // namespace weft::sched
