// SPDX-License-Identifier: Apache-2.0
//
// strand: the least that makes something run on a stack of its own, for the tests of this layer. It
// does around the switch what the scheduler does: sanitizers are told, and the state of exceptions
// is kept. One thread at a time; it may be resumed by another one each time.
#pragma once

#include <cstddef>
#include <exception>
#include <functional>
#include <utility>

#include "context/exception_state.h"
#include "context/sanitizer.h"
#include "context/stack_pool.h"
#include "context/switch.h"

namespace weft::context {

class strand {
public:
    using body_fn = std::function<void(strand&)>;

    /// Does not run before it is resumed. An exception that leaves `body` has nowhere to go.
    explicit strand(body_fn body, std::size_t stack_size = std::size_t{256} * 1024)
        : pool_({.stack_size = stack_size, .high_water = 1}), body_(std::move(body)) {
        if (pool_.allocate(std::span(&stack_, 1)) != 1) {
            throw std::bad_alloc();
        }
        context_ = make_context(stack_.top(), &strand::bottom);
        sanitizer_create(sanitizer_, stack_);
    }

    strand(const strand&) = delete;
    strand& operator=(const strand&) = delete;

    /// One that has not ended leaves behind what its frames own.
    ~strand() {
        sanitizer_destroy(sanitizer_);
        pool_.deallocate(std::span(&stack_, 1));
    }

    /// Runs it until it suspends itself or ends. `value` is what suspend() returns there, the
    /// result what was given to suspend(), or null at the end.
    [[gnu::noinline]] void* resume(void* value = nullptr) {
        const exception_state saved = *thread_exception_state();
        sanitizer_adopt_thread(resumer_sanitizer_);
        before_switch(resumer_sanitizer_, sanitizer_, false);
        void* const result =
            switch_context(resumer_, context_, std::exchange(started_, true) ? value : this);
        after_switch(resumer_sanitizer_);
        *thread_exception_state() = saved;
        return result;
    }

    /// Called by the body: goes back to where it was resumed.
    [[gnu::noinline]] void* suspend(void* value = nullptr) {
        const exception_state saved = *thread_exception_state();
        before_switch(sanitizer_, resumer_sanitizer_, false);
        void* const result = switch_context(context_, resumer_, value);
        after_switch(sanitizer_);
        *thread_exception_state() = saved;
        return result;
    }

    [[nodiscard]] bool ended() const noexcept { return ended_; }
    [[nodiscard]] const stack& memory() const noexcept { return stack_; }
    [[nodiscard]] std::size_t guard_size() const noexcept { return pool_.guard_size(); }

private:
    static void bottom(void* self) {
        strand& me = *static_cast<strand*>(self);
        after_switch(me.sanitizer_);
        *thread_exception_state() = {};
        me.body_(me);
        me.ended_ = true;
        before_switch(me.sanitizer_, me.resumer_sanitizer_, true);
        switch_context(me.context_, me.resumer_, nullptr);
        std::terminate();
    }

    stack_pool pool_;
    stack stack_;
    context context_;
    context resumer_;
    [[no_unique_address]] sanitizer_context sanitizer_;
    [[no_unique_address]] sanitizer_context resumer_sanitizer_;
    body_fn body_;
    bool started_ = false;
    bool ended_ = false;
};

}  // namespace weft::context
