// SPDX-License-Identifier: Apache-2.0
#include <weft/co.h>
#include <weft/ticker.h>

#include <algorithm>

#include "base/assert.h"
#include "base/error.h"
#include "coro/operation.h"
#include "sched/current.h"

namespace weft::coro {

namespace {

class sleep_operation final : public bounded_operation {
public:
    sleep_operation(std::coroutine_handle<> coroutine, deadline until,
                    const sched::cancel_bounds* bounds) noexcept
        : bounded_operation(&run, coroutine, until, bounds) {}

    /// As await_suspend.
    bool start() noexcept {
        prepare();
        if (suspend_bounded()) {
            return true;
        }
        reason_ = resumed_bounded();
        return false;
    }

    [[nodiscard]] sched::wake_reason reason() const noexcept { return reason_; }

private:
    static void run(coroutine_waiter& self) noexcept {
        auto& me = static_cast<sleep_operation&>(self);
        me.reason_ = me.resumed_bounded();
        me.resume_coroutine();
    }

    sched::wake_reason reason_{};
};

}  // namespace

void yield_awaiter::await_suspend(std::coroutine_handle<> coroutine) noexcept {
    reschedule(suspension_.emplace<operation>(&resume_scheduled, coroutine));
}

bool sleep_awaiter::start(std::coroutine_handle<> coroutine,
                          const sched::cancel_bounds* bounds) noexcept {
    if (until_.expired()) {
        reschedule(suspension_.emplace<operation>(&resume_scheduled, coroutine));
        return true;
    }
    slept_ = true;
    return suspension_.emplace<sleep_operation>(coroutine, until_, bounds).start();
}

result<void> sleep_awaiter::await_resume() noexcept {
    if (!slept_) {
        return {};
    }
    const auto& slept = suspension_.get<sleep_operation>();
    if (slept.reason() == sched::wake_reason::cancelled) {
        return base::fail(std::errc::operation_canceled, "sleep");
    }
    if (slept.until() < until_) {
        return base::fail(std::errc::timed_out, "sleep");
    }
    return {};
}

}  // namespace weft::coro

namespace weft::co {

task<result<std::uint64_t>> wait(ticker& of, deadline until) {
    if (!of.is_due()) {
        const deadline at = of.next_at();
        const auto slept = co_await sleep_until(std::min(at, until));
        if (!slept) {
            co_return base::fail(slept.error(), "wait for a tick");
        }
        if (until < at) {
            co_return base::fail(std::errc::timed_out, "wait for a tick");
        }
    }
    co_return of.take();
}

}  // namespace weft::co
