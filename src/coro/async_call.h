// SPDX-License-Identifier: Apache-2.0
//
// The calls of io/call.h in a coroutine: the loop of attempt_until() with co_await where that one
// waits. A frame for each call; read, write and accept, which are made most often, have awaiters of
// their own (async_socket.cpp).
#pragma once

#include <coroutine>

#include <weft/co.h>

#include "coro/readiness.h"
#include "io/call.h"

namespace weft::coro {

template <class Call>
auto perform(Call call, deadline until) -> task<decltype(call.finish(0))> {
    if (const int error = call.begin()) {
        co_return base::fail(error, Call::operation);
    }
    std::int64_t outcome = 0;
    for (;;) {
        outcome = call.attempt();
        int error = 0;
        const io::blocking_place place = call.waits_for();
        if (outcome == -EBUSY) {
            if (until.expired()) {
                outcome = -ETIMEDOUT;
                break;
            }
            const auto slept = co_await co::sleep_until(io::when_to_retry(until));
            if (!slept) {
                outcome = -slept.error().value();
                break;
            }
            continue;
        }
        if (outcome != -EAGAIN) {
            if (place.descriptor->has_run_long()) {
                co_await co::yield();
            }
            break;
        }
        error = co_await readiness_awaiter(*place.descriptor, place.dir, until);
        if (error != 0) {
            outcome = io::last_try(*place.descriptor, place.dir, error, [&call] {
                const std::int64_t last = call.attempt();
                return last == -EBUSY ? -EAGAIN : last;
            });
            break;
        }
    }
    call.end();
    co_return call.finish(outcome);
}

}  // namespace weft::coro
