// SPDX-License-Identifier: Apache-2.0
//
// Signals in coroutines.
#include <weft/signal.h>

#include "coro/async_call.h"
#include "io/signal_calls.h"

namespace weft::co {

task<result<signal_info>> wait(signal_set& signals, deadline until) {
    return coro::perform(io::signal_wait(io::access::descriptor(signals)), until);
}

}  // namespace weft::co
