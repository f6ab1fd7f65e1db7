// SPDX-License-Identifier: Apache-2.0
//
// A coroutine that waits for the end of a fiber.
#include <weft/co.h>
#include <weft/fiber.h>

#include <utility>

#include "base/assert.h"
#include "coro/operation.h"
#include "sched/fiber_block.h"

namespace weft::coro {

namespace {

class join_operation final : public operation {
public:
    explicit join_operation(std::coroutine_handle<> coroutine) noexcept
        : operation(&run, coroutine) {}

    /// As await_suspend.
    bool start(sched::fiber_block& block) noexcept {
        prepare();
        if (!block.wake_at_end(*this)) {
            abandon();
            return false;
        }
        if (suspend()) {
            return true;
        }
        resumed();
        return false;
    }

private:
    static void run(coroutine_waiter& self) noexcept {
        auto& me = static_cast<join_operation&>(self);
        me.resumed();
        me.resume_coroutine();
    }
};

}  // namespace

bool join_awaiter::await_ready() noexcept {
    block_ = std::exchange(fiber_->block_, nullptr);
    WEFT_ASSERT(block_ != nullptr, "join() of a fiber handle that holds no fiber");
    return block_->has_finished();
}

bool join_awaiter::await_suspend(std::coroutine_handle<> coroutine) noexcept {
    return suspension_.emplace<join_operation>(coroutine).start(*block_);
}

void join_awaiter::await_resume() {
    block_->free_and_rethrow();
}

}  // namespace weft::coro
