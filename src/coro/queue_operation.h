// SPDX-License-Identifier: Apache-2.0
//
// A coroutine in the queue of a semaphore or of a wait_group: one wake-up decides.
#pragma once

#include <weft/time.h>

#include "coro/operation.h"
#include "sync/wait_queue.h"

namespace weft::coro {

/// `Core` is sync::semaphore_core or sync::wait_group_core, `Object` what it works on.
template <class Core, class Object>
class queue_operation final : public operation {
public:
    queue_operation(Object& object, deadline until, std::coroutine_handle<> coroutine) noexcept
        : operation(&run, coroutine),
          object_(&object),
          until_(until),
          node_(*this, until.is_never()) {}

    /// True: the coroutine is suspended and may already run elsewhere. False: result() is there.
    bool start() noexcept {
        if (Core::ready_or_queue(*object_, node_)) {
            result_ = true;
            return false;
        }
        if (suspend(until_.nanoseconds())) {
            return true;
        }
        finish();
        return false;
    }

    [[nodiscard]] bool result() const noexcept { return result_; }

private:
    static void run(coroutine_waiter& self) noexcept {
        auto& me = static_cast<queue_operation&>(self);
        me.finish();
        me.resume_coroutine();
    }

    void finish() noexcept {
        const auto reason = resumed();
        result_ = Core::finish(*object_, node_, reason);
    }

    Object* object_;
    deadline until_;
    sync::wait_node node_;
    bool result_ = false;
};

}  // namespace weft::coro
