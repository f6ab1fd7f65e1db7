// SPDX-License-Identifier: Apache-2.0
//
// The public face of fibers, and what a block does beyond being switched to.
#include <weft/fiber.h>

#include <sched.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <thread>

#include <weft/fair_entity.h>
#include <weft/fiber_group.h>

#include "base/assert.h"
#include "base/error.h"
#include "sched/cancellable_wait.h"
#include "sched/current.h"
#include "sched/fiber_block.h"
#include "sched/scheduler.h"
#include "sched/thread_state.h"

namespace weft {

static_assert(detail::start_storage_size == sched::fiber_block::start_storage_size);
static_assert(static_cast<std::uint8_t>(sched::start_action::run) == 0);

namespace sched {

void fiber_block::run_callable() noexcept {
    try {
        start_fn_(start_action::run, start_);
    } catch (...) {
        if (join_.load(base::acquire) == join_detached) {
            std::terminate();  // in the handler, so that the exception is reported
        }
        details().exception = std::current_exception();
    }
    if (local_values* const values = locals()) {
        values->clear();  // on the fiber: destructors may wait
    }
}

fiber_details& fiber_block::details() {
    if (details_ == nullptr) {
        details_ = new fiber_details;
    }
    return *details_;
}

void fiber_block::set_slice(base::nanoseconds_t slice) {
    if (details_ != nullptr || slice != 0) {
        details().slice = slice;
    }
}

void fiber_block::drop_details() noexcept {
    delete std::exchange(details_, nullptr);
}

void fiber_block::give_up() noexcept {
    if (details_ != nullptr && details_->exception != nullptr) {
        std::rethrow_exception(details_->exception);  // noexcept: it is reported as uncaught
    }
    drop_details();
}

/// Null when memory is out.
static fiber_block* create_on(scheduler& owner) noexcept {
    const brief_entry in;
    worker* const here = in.role();
    const bool local = here != nullptr && &here->owner() == &owner;
    return local ? here->create_fiber() : owner.create_fiber();
}

void fiber_block::join() {
    waiter& self = this_waiter();
    WEFT_ASSERT(&self != this, "a fiber cannot join itself");
    if (!has_finished()) {
        self.prepare();
        if (wake_at_end(self)) {
            self.park();
        } else {
            self.abandon();
        }
    }
    free_and_rethrow();
}

bool fiber_block::wake_at_end(waiter& self) noexcept {
    std::uintptr_t expected = join_none;
    if (join_.compare_exchange_strong(expected, reinterpret_cast<std::uintptr_t>(&self),
                                      base::acq_rel, base::acquire)) {
        return true;
    }
    WEFT_ASSERT(expected == join_finished, "a fiber is joined twice");
    return false;
}

void fiber_block::free_and_rethrow() {
    std::exception_ptr exception = details_ != nullptr ? std::move(details_->exception) : nullptr;
    if ((flags_ & start_failed) != 0) {
        exception = std::make_exception_ptr(std::bad_alloc());
    }
    drop_details();
    home_->owner().free_block(*this);
    if (exception != nullptr) {
        std::rethrow_exception(exception);
    }
}

void fiber_block::detach() noexcept {
    std::uintptr_t expected = join_none;
    if (join_.compare_exchange_strong(expected, join_detached, base::acq_rel, base::acquire)) {
        return;
    }
    WEFT_ASSERT(expected == join_finished, "a fiber that is being joined is detached");
    give_up();
    home_->owner().free_block(*this);
}

}  // namespace sched

namespace detail {

/// 0 stays 0.
static base::nanoseconds_t slice_of(std::chrono::nanoseconds asked) noexcept {
    return asked.count() == 0
               ? 0
               : std::clamp(asked.count(), sched::shortest_slice, sched::longest_slice);
}

/// Puts a new fiber of `owner` into the group that it shall be in.
static void join_group(sched::fiber_block& block, const fiber_options& options,
                       const sched::fiber_block* spawner, sched::scheduler& owner) noexcept {
    sched::group* group = nullptr;
    if (options.group != nullptr) {
        group = options.group->get_group();
        WEFT_ASSERT(group != nullptr, "fiber_options::group was moved from");
        WEFT_ASSERT(options.group->get_scheduler() == &owner,
                    "fiber_options::group is of another runtime");
    } else if (sched::current_scheduler() == &owner) {
        group = &owner.groups().at(spawner->group_index());
    } else {
        return;
    }
    sched::group_table::add_member(*group);
    block.set_group(group->index());
}

new_fiber create_fiber(const fiber_options& options, sched::scheduler* owner) {
    sched::scheduler* const here = sched::current_scheduler();
    WEFT_ASSERT(owner != nullptr || here != nullptr,
                "weft::spawn outside a runtime; use weft::run or runtime::spawn");
    sched::scheduler& on = owner != nullptr ? *owner : *here;
    std::unique_ptr<sched::fiber_details> details;
    if (!options.name.empty() || options.slice.count() != 0) {
        details = std::make_unique<sched::fiber_details>();
        details->name = options.name;
        details->slice = slice_of(options.slice);
        on.want_slice(details->slice);
    }
    if (const sched::local_values* const values = sched::inheritable_locals()) [[unlikely]] {
        if (auto copies = values->inherit()) {
            if (details == nullptr) {
                details = std::make_unique<sched::fiber_details>();
            }
            details->locals = std::move(copies);
        }
    }
    on.prepare_stacks_for(options.stack_size);
    sched::fiber_block* const block = sched::create_on(on);
    if (block == nullptr) {
        throw std::bad_alloc();
    }
    block->set_details(std::move(details));
    block->set_nice(std::clamp(options.nice, least_nice, greatest_nice));
    const sched::fiber_block* const spawner = sched::this_fiber_block();
    if (options.group != nullptr || (spawner != nullptr && spawner->group_index() != 0))
        [[unlikely]] {
        join_group(*block, options, spawner, on);
    }
    if (options.stack_size > on.default_stacks().stack_size()) {
        block->set_stack_size(options.stack_size);
    }
    return {block, block->start_storage()};
}

void launch_fiber(sched::fiber_block& block, sched::scheduler* owner,
                  void (*start)(sched::start_action, void*)) noexcept {
    block.set_start(start);
    const sched::brief_entry in;
    sched::worker* const here = in.role();
    sched::scheduler& on = owner != nullptr ? *owner : *sched::current_scheduler();
    if (here != nullptr && &here->owner() == &on) {
        here->launch(block);
    } else {
        on.launch(block);
    }
}

}  // namespace detail

void fiber::join() {
    WEFT_ASSERT(block_ != nullptr, "join() of a fiber handle that holds no fiber");
    std::exchange(block_, nullptr)->join();
}

void fiber::detach() noexcept {
    WEFT_ASSERT(block_ != nullptr, "detach() of a fiber handle that holds no fiber");
    std::exchange(block_, nullptr)->detach();
}

fiber::id fiber::get_id() const noexcept {
    return id(block_ != nullptr ? block_->id() : 0);
}

unsigned fiber::hardware_concurrency() noexcept {
    return std::thread::hardware_concurrency();
}

namespace this_fiber {

struct id_access {
    static fiber::id make(std::uint64_t value) noexcept { return fiber::id(value); }
};

void yield() noexcept {
    {
        const sched::entry in;
        if (sched::this_fiber_block() != nullptr) [[likely]] {
            sched::this_worker()->yield_current();
            return;
        }
    }
    ::sched_yield();
}

result<void> sleep_until(deadline when) noexcept {
    if (when.expired()) {
        yield();
        return {};
    }
    sched::cancellable_wait wait(when);
    wait.who.prepare();
    if (wait.park() == sched::wake_reason::cancelled) {
        return base::fail(std::errc::operation_canceled, "sleep");
    }
    if (wait.until() < when) {
        return base::fail(std::errc::timed_out, "sleep");
    }
    return {};
}

void checkpoint() noexcept {
    if (base::this_thread_block().need_resched.load(base::relaxed) == 0) [[likely]] {
        return;
    }
    sched::fiber_block* const me = sched::this_fiber_block();
    if (me == nullptr || sched::this_kernel_thread()->is_aside()) {
        return;
    }
    const sched::entry in;
    if (sched::this_worker()->yield_is_due(*me)) {
        sched::this_worker()->yield_current();
    }
}

int nice() noexcept {
    const sched::fiber_block* const me = sched::this_fiber_block();
    return me != nullptr ? me->nice() : 0;
}

void set_nice(int nice) noexcept {
    if (sched::fiber_block* const me = sched::this_fiber_block()) {
        const sched::brief_entry in;  // the monitor reads it when it takes the role away
        me->set_nice(std::clamp(nice, least_nice, greatest_nice));
    }
}

void set_slice(std::chrono::nanoseconds slice) {
    if (sched::fiber_block* const me = sched::this_fiber_block()) {
        me->set_slice(detail::slice_of(slice));
        sched::current_scheduler()->want_slice(me->slice());
    }
}

fiber::id get_id() noexcept {
    const sched::fiber_block* const me = sched::this_fiber_block();
    return me != nullptr ? id_access::make(me->id()) : fiber::id();
}

std::string_view name() noexcept {
    const sched::fiber_block* const me = sched::this_fiber_block();
    return me != nullptr ? me->name() : "";
}

}  // namespace this_fiber

}  // namespace weft
