// SPDX-License-Identifier: Apache-2.0
#include <weft/async.h>

#include "base/assert.h"
#include "coro/operation.h"
#include "sched/current.h"

namespace weft::coro {

namespace {

class sleep_operation final : public operation {
public:
    explicit sleep_operation(std::coroutine_handle<> coroutine) noexcept
        : operation(&run, coroutine) {}

    /// As await_suspend.
    bool start(deadline until) noexcept {
        prepare();
        if (suspend(until.nanoseconds())) {
            return true;
        }
        resumed();
        return false;
    }

private:
    static void run(coroutine_waiter& self) noexcept {
        auto& me = static_cast<sleep_operation&>(self);
        me.resumed();
        me.resume_coroutine();
    }
};

}  // namespace

void yield_awaiter::await_suspend(std::coroutine_handle<> coroutine) noexcept {
    reschedule(suspension_.emplace<operation>(&resume_scheduled, coroutine));
}

bool sleep_awaiter::await_suspend(std::coroutine_handle<> coroutine) noexcept {
    if (until_.expired()) {
        reschedule(suspension_.emplace<operation>(&resume_scheduled, coroutine));
        return true;
    }
    return suspension_.emplace<sleep_operation>(coroutine).start(until_);
}

}  // namespace weft::coro
