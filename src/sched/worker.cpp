// SPDX-License-Identifier: Apache-2.0
//
// Switching. Looking for work is in worker_search.cpp.
#include "sched/worker.h"

#include <new>
#include <utility>

#include "base/assert.h"
#include "sched/scheduler.h"

namespace weft::sched {

namespace {

fiber_block* as_fiber(waiter* w) noexcept {
    return w != nullptr && w->kind() == waiter_kind::fiber ? static_cast<fiber_block*>(w) : nullptr;
}

}  // namespace

worker::worker(scheduler& owner, unsigned index, bool asymmetric_locks)
    : stacks_(owner.default_stacks()),
      blocks_(owner.blocks()),
      queue_(asymmetric_locks, owner.options().fair ? owner.options().slice : 0, &owner.groups(),
             index),
      owner_(owner),
      index_(index),
      stress_migrate_(owner.options().stress_migrate),
      wheel_(base::now_ns()),
      rng_(0x51ed270b + index),
      seen_others_(owner.options().workers),
      seen_loads_(owner.options().workers) {}

void worker::taken_by(kernel_thread& thread) noexcept {
    thread_.store(&thread, base::release);
    exceptions_ = thread.exceptions_;
    start_charging(base::thread_cpu_ns());
    count_dispatch();
}

waiter* worker::next_on_base() noexcept {
    waiter* const w = std::exchange(handover_, nullptr);
    return w != nullptr ? w : find_work();
}

void worker::run_waiter(waiter& w) noexcept {
    count_dispatch();
    if (charged_at_ == 0) {
        charged_at_ = base::now_ns();
    }
    if (w.kind() == waiter_kind::fiber) {
        auto& f = static_cast<fiber_block&>(w);
        if (ready_to_run(f)) {
            run_fiber(f);
        }
        return;
    }
    auto& c = static_cast<coroutine_waiter&>(w);
    const std::uint64_t others = queue_.weight();  // it may stand there again when it returns
    base::enable_preemption();
    c.take_turn();
    base::disable_preemption();
    worker* const here = settled_role();
    if (here != nullptr && here->charge_is_due()) [[unlikely]] {
        here->charge(nullptr, others);
    }
}

/// What must happen when the stack of the one that ran before is left.
[[gnu::always_inline]] inline void worker::arrive() noexcept {
    queue_.end_exchange();
    if (after_ != after::nothing) [[unlikely]] {
        finish_leaving();
    }
}

void worker::run_fiber(fiber_block& f) noexcept {
    set_this_fiber_block(&f);
    kernel_thread& thread = holder();
    context::before_switch(thread.base_sanitizer_, f.sanitizer_, false);
    context::switch_context(thread.base_, f.context_, &f);
    context::after_switch(thread.base_sanitizer_);
    this_worker()->arrive();
}

/// Whether `block` has a stack, or now got one. If not, it is dealt with.
bool worker::ready_to_run(fiber_block& block) noexcept {
    if (!block.started() && !give_stack(block)) [[unlikely]] {
        fail_start(block);
        return false;
    }
    return true;
}

bool worker::give_stack(fiber_block& block) noexcept {
    context::stack stack;
    const std::size_t wanted = block.stack_.size;
    if (wanted == 0) [[likely]] {
        stack = stacks_.allocate();
    } else if (context::stack_pool* pool = owner_.stacks_for(wanted)) {
        pool->allocate(std::span(&stack, 1));
    }
    if (!stack) {
        return false;
    }
    block.stack_ = stack;
    queue_.begin(block);
    context::sanitizer_recycle(stack.base, stack.size);
    block.context_ = context::make_context(stack.top() - ahead_node::room, &worker::fiber_main);
    context::sanitizer_create(block.sanitizer_, stack);
    return true;
}

void worker::take_stack(context::stack stack) noexcept {
    if (stack.size == owner_.default_stacks().stack_size()) [[likely]] {
        stacks_.deallocate(stack);
    } else {
        owner_.stacks_for(stack.size)->deallocate(std::span(&stack, 1));
    }
}

/// Memory is out: whoever joins gets std::bad_alloc. On the base.
void worker::fail_start(fiber_block& block) noexcept {
    worker_counters::add(counters_.start_failures);
    {
        const user_code destructor;
        block.start_fn_(start_action::destroy, block.start_storage());
    }
    block.links_ = {};
    block.flags_ |= fiber_block::start_failed;
    complete(block);
}

void worker::finish_leaving() noexcept {
    fiber_block* const from = after_fiber_;
    switch (std::exchange(after_, after::nothing)) {
        case after::nothing:
            break;
        case after::requeue:
            push_local(*from, arrival::moved);
            break;
        case after::publish:
            if (!from->publish_parked()) {
                push_local(*from);  // woken while it was leaving
            }
            break;
        case after::recycle:
            context::sanitizer_destroy(after_sanitizer_);
            take_stack(after_stack_);
            break;
    }
}

/// What the current fiber can switch to at once: a fiber, with a stack. Null: go to the base. One
/// for which there is no stack is dealt with there.
fiber_block* worker::pick_for_switch() noexcept {
    if (!count_dispatch()) [[unlikely]] {
        return nullptr;
    }
    waiter* const w = next_runnable();
    fiber_block* const f = as_fiber(w);
    if (f != nullptr && (f->started() || give_stack(*f))) [[likely]] {
        return f;
    }
    handover_ = w;
    return nullptr;
}

/// Leaves the stack of `from` for what runs next. Returns when `from` runs again, perhaps on
/// another worker. Inlined into each caller, so that the jump back goes to one frame only.
[[gnu::always_inline]] inline void worker::leave(fiber_block& from, after action,
                                                 fiber_block* next) noexcept {
    if (exceptions_->any()) [[unlikely]] {
        leave_in_flight(from, action, next);
        return;
    }
    if (action != after::nothing) {
        after_ = action;
        after_fiber_ = &from;
    }
    set_this_fiber_block(next);
    context::context& to = next != nullptr ? next->context_ : holder().base_;
    context::before_switch(from.sanitizer_,
                           next != nullptr ? next->sanitizer_ : holder().base_sanitizer_, false);
    context::switch_context(from.context_, to, next);
    context::after_switch(from.sanitizer_);
    this_worker()->arrive();
}

/// leave() with exceptions in flight on the stack that is left: they go and come with it.
void worker::leave_in_flight(fiber_block& from, after action, fiber_block* next) noexcept {
    const context::exception_state saved = std::exchange(*exceptions_, {});
    leave(from, action, next);
    *this_worker()->exceptions_ = saved;
}

/// std::stop_source knows the one that runs its callbacks by the kernel thread.
static void expect_no_stop_callback() noexcept {
    WEFT_DEBUG_ASSERT(base::this_thread_block().stop_requests == 0,
                      "a callback of a stop token waits or yields on a fiber; it must not: others "
                      "run on its kernel thread meanwhile, whose ~stop_callback() then does not "
                      "wait for it");
}

void worker::yield_current() noexcept {
    expect_no_stop_callback();
    fiber_block& me = *this_fiber_block();
    account(me);
    const std::uint64_t tick = tick_.load(base::relaxed) + 1;
    if (tick < due_) [[likely]] {
        const auto can_switch_to = [](fiber_block& w) { return w.started(); };
        if (waiter* const w = queue_.begin_exchange(me, can_switch_to)) [[likely]] {
            tick_.store(tick, base::relaxed);
            auto& next = static_cast<fiber_block&>(*w);
            leave(me, after::nothing, &next);
            return;
        }
    }
    yield_slowly(me);
}

void worker::yield_slowly(fiber_block& me) noexcept {
    if (!queue_.should_yield(me)) {
        if (!count_dispatch() || is_throttled(me)) {
            leave(me, after::requeue, nullptr);
        }
        return;
    }
    fiber_block* const next = pick_for_switch();
    if (next == nullptr && handover_ == nullptr && !maintenance_is_due() && !is_throttled(me)) {
        if (me.group_index() != 0) {
            queue_.set_running(&me);
        }
        return;  // nothing else is runnable, and nothing is due
    }
    leave(me, after::requeue, next);
}

wake_reason worker::park_current(base::nanoseconds_t deadline) noexcept {
    expect_no_stop_callback();
    fiber_block& me = *this_fiber_block();
    account(me);
    if (deadline != base::time_never) {
        wheel_.arm(me, deadline);
    }
    leave(me, after::publish, pick_for_switch());
    timer_wheel::cancel(me);
    return me.finish_wait();
}

void worker::push_local(waiter& w, arrival how) noexcept {
    if (stress_migrate_) [[unlikely]] {
        w.flags_ |= how == arrival::moved ? waiter::was_runnable : 0;
        owner_.inject(w);
        return;
    }
    const std::size_t queued = enqueue(w, how);
    if (owner_.sleepers() > asleep_.load(base::relaxed)) [[unlikely]] {
        wake_another_if_needed(queued);
    }
}

std::size_t worker::enqueue(waiter& w, arrival how) noexcept {
    if (w.group_index() != 0) [[unlikely]] {
        return enqueue_member(w, how);
    }
    adopt(w);
    return queue_.push<false>(w, how);
}

fiber_block* worker::create_fiber() noexcept {
    fiber_block* const block = blocks_.allocate();
    if (block == nullptr) [[unlikely]] {
        return nullptr;
    }
    if (next_id_ % scheduler::ids_per_block == 0) [[unlikely]] {
        next_id_ = owner_.next_id_block() * scheduler::ids_per_block;
    }
    block->reset(++next_id_);
    make_home_of(*block);
    return block;
}

void worker::launch(fiber_block& block) noexcept {
    worker_counters::add(counters_.created);
    push_local(block);
    if (owner_.sleepers() > asleep_.load(base::relaxed)) [[unlikely]] {
        owner_.hurry_tick();  // its spawner may go on computing
    }
}

/// The fiber has ended: tells who waits for it. The block may be gone when this returns.
void worker::complete(fiber_block& block) noexcept {
    if (block.group_index() != 0) [[unlikely]] {
        this_worker()->leave_group(block);
    }
    const auto was = block.join_.exchange(fiber_block::join_finished, base::acq_rel);
    if (was == fiber_block::join_detached) {
        {
            const user_code frees_memory;
            block.give_up();
        }
        this_worker()->free_block(block);
    } else if (was != fiber_block::join_none) {
        reinterpret_cast<waiter*>(was)->wake();
    }
    this_worker()->counters_.count_end();
}

/// The bottom of every fiber's stack. A stack serves one fiber after another here, without a switch
/// between them, as long as the next one has not started yet.
void worker::fiber_main(void* value) {
    fiber_block* me = static_cast<fiber_block*>(value);
    context::after_switch(me->sanitizer_);
    this_worker()->arrive();
    for (;;) {
        {
            const user_code code;
            me->run_callable();
        }
        me = finish(*me);
    }
}

/// Ends `block`; returns the next fiber to run on the same stack or, if that has its own, leaves.
fiber_block* worker::finish(fiber_block& block) noexcept {
    const context::stack stack = block.stack_;
    const context::sanitizer_context sanitizer = block.sanitizer_;
    this_worker()->account(block);
    complete(block);
    return this_worker()->continue_with_next(stack, sanitizer);
}

fiber_block* worker::continue_with_next(context::stack stack,
                                        context::sanitizer_context sanitizer) noexcept {
    fiber_block* next = nullptr;
    if (count_dispatch()) [[likely]] {
        waiter* const w = next_runnable();
        next = as_fiber(w);
        if (next != nullptr && !next->started() && next->stack_.size == 0 &&
            stack.size == owner_.default_stacks().stack_size()) [[likely]] {
            context::reset_fp_control();  // which the one before may have changed
            next->stack_ = stack;
            queue_.begin(*next);
            next->sanitizer_ = sanitizer;
            set_this_fiber_block(next);
            return next;
        }
        if (next == nullptr || (!next->started() && !give_stack(*next))) {
            handover_ = w;
            next = nullptr;
        }
    }
    after_ = after::recycle;
    after_stack_ = stack;
    after_sanitizer_ = sanitizer;
    set_this_fiber_block(next);
    context::before_switch(sanitizer, next != nullptr ? next->sanitizer_ : holder().base_sanitizer_,
                           true);
    context::switch_context(scratch_, next != nullptr ? next->context_ : holder().base_, next);
    __builtin_unreachable();
}

}  // namespace weft::sched
