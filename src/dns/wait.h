// SPDX-License-Identifier: Apache-2.0
//
// Runs a call to its end: lookup_call, connect_call. Each is a loop that advances it under the
// resolver's lock and waits for what it needs without: once for those that park or block, once for
// coroutines.
//
//     class some_call {
//         mutex& lock();
//         wait_group& bell();
//         bool wants_lock();      // whether it needs the resolver
//         void advance();         // with the lock
//         need next();            // what to wait for; nothing: it is over
//         void waited(const need&, const result<void>&);  // what came of the wait
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
        if (call.wants_lock()) {
            const std::lock_guard guard(call.lock());
            call.advance();
        }
        const need n = call.next();
        if (n.what == need::kind::nothing) {
            return;
        }
        const deadline limit = std::min(until, n.until);
        if (n.what == need::kind::bell) {
            call.waited(n, call.bell().wait(limit));
        } else if (n.what == need::kind::sockets) {
            call.waited(n, wait_readable(n.descriptor, limit));
        }
    }
}

template <class Call>
task<> run_async(Call& call, deadline until) {
    for (;;) {
        if (call.wants_lock()) {
            const auto guard = co_await co::lock(call.lock());
            call.advance();
        }
        const need n = call.next();
        if (n.what == need::kind::nothing) {
            co_return;
        }
        const deadline limit = std::min(until, n.until);
        if (n.what == need::kind::bell) {
            const result<void> ended = co_await co::wait(call.bell(), limit);
            call.waited(n, ended);
        } else if (n.what == need::kind::sockets) {
            const result<void> ended = co_await co::wait_readable(n.descriptor, limit);
            call.waited(n, ended);
        }
    }
}

}  // namespace weft::dns
