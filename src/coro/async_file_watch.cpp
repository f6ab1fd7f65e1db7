// SPDX-License-Identifier: Apache-2.0
//
// Watched files in coroutines.
#include <weft/file_watch.h>

#include "coro/async_call.h"
#include "io/file_watch_calls.h"

namespace weft::co {

task<result<file_event>> next(file_watcher& watcher, deadline until) {
    return coro::perform(io::file_event_wait(watcher), until);
}

}  // namespace weft::co
