// SPDX-License-Identifier: Apache-2.0
//
// Runs a call to its end: lookup_call, connect_call. Each is a loop that advances it under the
// resolver's lock and waits for what it needs without: once for those that park or block, once for
// coroutines.
//
//     class some_call {
//         mutex& lock();
//         wait_group& bell();
//         need advance() noexcept;                       // nothing: it is over
//         void waited(const need&, const result<void>&); // what came of the wait
//     };
#pragma once

#include <algorithm>
#include <mutex>

#include <weft/co.h>
#include <weft/poll.h>
#include <weft/task.h>

#include "dns/core.h"

namespace weft::dns {

template <class Call>
void run(Call& call, deadline until) {
    for (;;) {
        need n;
        {
            const std::lock_guard guard(call.lock());
            n = call.advance();
        }
        if (n.what == need::kind::nothing) {
            return;
        }
        call.waited(n, n.what == need::kind::bell
                           ? call.bell().wait(until)
                           : wait_readable(n.descriptor, std::min(until, n.until)));
    }
}

template <class Call>
task<> run_async(Call& call, deadline until) {
    for (;;) {
        need n;
        {
            const auto guard = co_await co::lock(call.lock());
            n = call.advance();
        }
        if (n.what == need::kind::nothing) {
            co_return;
        }
        result<void> ended;
        if (n.what == need::kind::bell) {
            ended = co_await co::wait(call.bell(), until);
        } else {
            ended = co_await co::wait_readable(n.descriptor, std::min(until, n.until));
        }
        call.waited(n, ended);
    }
}

}  // namespace weft::dns
