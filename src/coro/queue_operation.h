// SPDX-License-Identifier: Apache-2.0
//
// A coroutine in the queue of an object, when one wake-up decides: as sync/bounded_wait.h, which
// says what a Core is.
#pragma once

#include <weft/error.h>
#include <weft/time.h>

#include "coro/operation.h"
#include "sync/bounded_wait.h"

namespace weft::coro {

template <class Core, class Object>
class queue_operation final : public bounded_operation {
public:
    queue_operation(Object& object, std::coroutine_handle<> coroutine, deadline until,
                    const sched::cancel_bounds* bounds, std::uint8_t tag = 0) noexcept
        : bounded_operation(&run, coroutine, until, bounds),
          object_(&object),
          node_(*this, has_single_waker(), tag) {}

    /// True: the coroutine is suspended and may already run elsewhere. False: outcome() is there.
    bool start() noexcept {
        if (Core::ready_or_queue(*object_, node_)) {
            succeeded_ = true;
            return false;
        }
        if (suspend_bounded()) {
            return true;
        }
        finish();
        return false;
    }

    [[nodiscard]] result<void> outcome() const noexcept {
        if (succeeded_) {
            return {};
        }
        return sync::failure(reason_, Core::operation);
    }

private:
    static void run(coroutine_waiter& self) noexcept {
        auto& me = static_cast<queue_operation&>(self);
        me.finish();
        me.resume_coroutine();
    }

    void finish() noexcept {
        reason_ = resumed_bounded();
        succeeded_ = Core::finish(*object_, node_, reason_);
    }

    Object* object_;
    sync::wait_node node_;
    sched::wake_reason reason_{};
    bool succeeded_ = false;
};

}  // namespace weft::coro
