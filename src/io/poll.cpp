// SPDX-License-Identifier: Apache-2.0
#include <weft/poll.h>

#include "base/error.h"
#include "io/wait.h"

namespace weft {

namespace {

result<void> wait_for(int fd, short event, deadline until, const char* operation) noexcept {
    const int events = io::wait_for_event(fd, event, until);
    if (events < 0) {
        return base::fail(-events, operation);
    }
    return {};
}

}  // namespace

result<void> wait_readable(int fd, deadline until) {
    return wait_for(fd, POLLIN, until, "wait_readable");
}

result<void> wait_writable(int fd, deadline until) {
    return wait_for(fd, POLLOUT, until, "wait_writable");
}

result<short> poll(int fd, short events, deadline until) {
    const int got = io::wait_for_event(fd, events, until);
    if (got < 0) {
        return base::fail(-got, "poll");
    }
    return static_cast<short>(got);
}

}  // namespace weft
