// SPDX-License-Identifier: Apache-2.0
//
// fiber_block: the control block of a fiber. Two cache lines in a dense slab, apart from its stack,
// so that wakers, timers and joiners never touch a parked fiber's stack page.
//
// Who may touch a block, and when:
//   created, runnable   nobody but the run queue that holds it
//   running             the fiber itself and the worker that runs it
//   waiting             see sched/waiter.h
//   finished            the holder of its handle (join_ says so); with no holder, the worker
//
// The callable lies in the block until the fiber first runs (it has no stack before), then moves to
// the fiber's stack.
#pragma once

#include <algorithm>
#include <cstdint>
#include <exception>
#include <limits>
#include <memory>
#include <string>
#include <string_view>

#include "context/sanitizer.h"
#include "context/stack_pool.h"
#include "context/switch.h"
#include "sched/local_values.h"
#include "sched/waiter.h"

namespace weft::sched {

struct cancel_bounds;
class scheduler;

/// What is asked of the callable that a block holds.
enum class start_action : std::uint8_t {
    run,      ///< move it out of `storage`, then call it
    destroy,  ///< destroy it where it is: the fiber will never run
};
using start_fn = void (*)(start_action action, void* storage);

/// What most fibers do without.
struct fiber_details {
    std::string name;
    base::nanoseconds_t slice = 0;          ///< 0: the runtime's
    std::exception_ptr exception;           ///< left the callable; rethrown by join()
    const cancel_bounds* bounds = nullptr;  ///< of its innermost cancel_scope; on its own stack
    std::unique_ptr<local_values> locals;
};

class alignas(64) fiber_block : public waiter {
public:
    fiber_block() noexcept : waiter(waiter_kind::fiber) {}

    [[nodiscard]] std::uint64_t id() const noexcept { return id_; }
    [[nodiscard]] const char* name() const noexcept {
        return details_ != nullptr ? details_->name.c_str() : "";
    }

    /// Room for the callable, until the fiber first runs.
    void* start_storage() noexcept { return start_; }
    static constexpr std::size_t start_storage_size = start_bytes;

    /// Waits until the fiber has finished; then rethrows its exception, if any. The block is freed.
    /// Once, by the holder of the handle.
    void join();

    // The parts of a join().
    [[nodiscard]] bool has_finished() const noexcept {
        return join_.load(base::acquire) == join_finished;
    }
    /// `self` is prepared. True: it is woken when the fiber has finished. False: it has.
    [[nodiscard]] bool wake_at_end(waiter& self) noexcept;
    /// When it has finished.
    void free_and_rethrow();

    /// Gives the handle up: the block is freed when the fiber has finished. An exception that left
    /// the fiber by then, or leaves it later, terminates the process.
    void detach() noexcept;

    /// What it runs, how it is called, and the stack it wants (0: the runtime's default). Before it
    /// is launched.
    void set_start(start_fn fn) noexcept { start_fn_ = fn; }
    void set_details(std::unique_ptr<fiber_details> details) noexcept {
        details_ = details.release();
    }
    /// What is beyond the pools' bound of 1 GiB stays so.
    void set_stack_size(std::size_t size) noexcept {
        constexpr std::size_t most = std::numeric_limits<std::uint32_t>::max();
        stack_.size = static_cast<std::uint32_t>(std::min(size, most));
    }
    void set_nice(int nice) noexcept { nice_ = static_cast<std::int8_t>(nice); }
    [[nodiscard]] int nice() const noexcept { return nice_; }

    using waiter::set_group;

    /// Of what it computes; 0: as the runtime says. In user code; throws std::bad_alloc.
    void set_slice(base::nanoseconds_t slice);
    [[nodiscard]] base::nanoseconds_t slice() const noexcept {
        return details_ != nullptr ? details_->slice : 0;
    }

    /// What bounds its waits; null: nothing. By itself; setting throws std::bad_alloc.
    void set_bounds(const cancel_bounds* bounds) {
        if (details_ != nullptr || bounds != nullptr) {
            details().bounds = bounds;
        }
    }
    [[nodiscard]] const cancel_bounds* bounds() const noexcept {
        return details_ != nullptr ? details_->bounds : nullptr;
    }

    /// Its own fiber_local values; null: none. By itself; making them throws std::bad_alloc.
    [[nodiscard]] local_values* locals() const noexcept {
        return details_ != nullptr ? details_->locals.get() : nullptr;
    }
    local_values& make_locals() { return *(details().locals = std::make_unique<local_values>()); }

    /// The worker that it runs on, by that worker.
    void set_home(worker& home) noexcept { home_ = &home; }

    /// Where its registers lie while it does not run; null before it has started.
    [[nodiscard]] void* stack_pointer() const noexcept { return context_.stack_pointer; }

    /// The stack it runs on; empty before it has started.
    [[nodiscard]] const context::stack& current_stack() const noexcept { return stack_; }

private:
    friend class worker;
    friend class scheduler;
    friend class fiber_cache;
    friend class fiber_slab;
    friend class fair_policy;
    friend class fair_policy_test;
    friend class fair_policy_group_test;

    // Values of join_ other than the address of the waiter that joins.
    static constexpr std::uintptr_t join_none = 0;
    static constexpr std::uintptr_t join_finished = 1;
    static constexpr std::uintptr_t join_detached = 2;

    // Of flags_: it never ran, because there was no stack. No exception: memory is out.
    static constexpr std::uint8_t start_failed = 1;
    // Of flags_: it calls checkpoint() often enough.
    static constexpr std::uint8_t checks = 4;

    /// Starts a new life of a block out of the slab.
    void reset(std::uint64_t id) noexcept {
        state_.store(word(phase::running), base::relaxed);
        what_ = {.kind = waiter_kind::fiber};
        flags_ = 0;
        nice_ = 0;
        id_ = id;
        join_.store(join_none, base::relaxed);
        details_ = nullptr;
        context_ = {};
        stack_ = {};
    }

    [[nodiscard]] bool started() const noexcept { return stack_.base != nullptr; }

    /// Runs the callable on the fiber's stack; keeps what it throws.
    void run_callable() noexcept;

    /// Made when first asked for; throws std::bad_alloc.
    fiber_details& details();
    void drop_details() noexcept;

    /// Finished, and nobody will join: an exception that is left terminates the process.
    void give_up() noexcept;

    context::context context_;
    start_fn start_fn_ = nullptr;
    context::stack stack_;  ///< base is null until it starts; size: what was asked for, 0: default
    base::atomic<std::uintptr_t> join_{join_none};
    fiber_details* details_ = nullptr;
    std::uint64_t id_ = 0;
    std::uint64_t vruntime_ = 0;  ///< see sched/fair_policy.h
    [[no_unique_address]] context::sanitizer_context sanitizer_;
};

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
static_assert(sizeof(fiber_block) == 128, "a parked fiber's block must stay in two cache lines");
#endif

}  // namespace weft::sched
