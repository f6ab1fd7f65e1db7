// SPDX-License-Identifier: Apache-2.0
//
// A stop and the end of a wait meet at the watch's lock. The stop wakes under it, so once end() has
// had the lock nobody holds on to the waiter, and its next wait cannot be hit by an old stop. A
// stop that comes first leaves stopped_, which begin() finds.
#include <weft/detail/cancel_scope.h>

#include <sched.h>
#include <unistd.h>

#include <algorithm>

#include "base/thread_block.h"
#include "sched/cancellable_wait.h"
#include "sched/fiber_block.h"
#include "sched/thread_state.h"

namespace weft::sched {

namespace {

/// As base::spinlock, on a word that lies in a header of the public ones.
class word_guard {
public:
    explicit word_guard(std::uint32_t& word) noexcept : word_(word) {
        base::disable_preemption();
        while (__atomic_exchange_n(&word_, 1u, __ATOMIC_ACQUIRE) != 0) {
            sched_yield();  // whoever holds it is not preempted, so only the kernel can delay it
        }
    }
    ~word_guard() {
        __atomic_store_n(&word_, 0u, __ATOMIC_RELEASE);
        base::enable_preemption();
    }
    word_guard(const word_guard&) = delete;
    word_guard& operator=(const word_guard&) = delete;

private:
    std::uint32_t& word_;
};

}  // namespace

void stop_watch::begin(waiter& who) noexcept {
    const word_guard guard(lock_);
    who_ = &who;
    if (stopped_) {
        wake();
    }
}

void stop_watch::begin(int descriptor) noexcept {
    const word_guard guard(lock_);
    descriptor_ = descriptor;
    if (stopped_) {
        wake();
    }
}

void stop_watch::end() noexcept {
    const word_guard guard(lock_);
    who_ = nullptr;
    descriptor_ = -1;
}

void stop_watch::stop() noexcept {
    const word_guard guard(lock_);
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

cancel_scope::cancel_scope(const std::stop_token& token, deadline until) : outer_(current()) {
    if (outer_ != nullptr) {
        bounds_ = outer_->bounds_;
    }
    bounds_.until = std::min(bounds_.until, until);
    if (token.stop_possible() && token != bounds_.token) {
        if (bounds_.watch != nullptr) {
            bounds_.token = linked_.emplace(bounds_.token, token).source().get_token();
        } else {
            bounds_.token = token;
        }
        bounds_.watch = &watch_.emplace(bounds_.token);
    }
    set_current(this);
}

cancel_scope::~cancel_scope() {
    set_current(outer_);
}

cancel_scope* cancel_scope::current() noexcept {
    if (const fiber_block* const fiber = this_fiber_block()) {
        return fiber->get_cancel_scope();
    }
    return static_cast<cancel_scope*>(base::this_thread_block().cancel_scope);
}

void cancel_scope::set_current(cancel_scope* scope) {
    if (fiber_block* const fiber = this_fiber_block()) {
        fiber->set_cancel_scope(scope);
    } else {
        base::this_thread_block().cancel_scope = scope;
    }
}

cancellable_wait::cancellable_wait(deadline until) noexcept : who(this_waiter()), until_(until) {
    if (const cancel_scope* const scope = cancel_scope::current()) [[unlikely]] {
        watch_ = scope->bounds().watch;
        until_ = std::min(until_, scope->bounds().until);
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
