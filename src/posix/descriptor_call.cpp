// SPDX-License-Identifier: Apache-2.0
#include "posix/descriptor_call.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <chrono>

#include "io/socket_ops.h"

namespace weft::posix {

/// 0, or -EAGAIN for a descriptor that does not block. Nor does the wrong end of a pipe: nothing is
/// ever ready there, and a call fails at once.
int descriptor_wait::find_limit() noexcept {
    if (knows_limit_) {
        return 0;
    }
    const int flags = ::fcntl(fd_, F_GETFL);
    if (flags < 0) {
        return -errno;
    }
    const int wrong_access = event_ == POLLIN ? O_WRONLY : O_RDONLY;
    if ((flags & O_NONBLOCK) != 0 || (flags & O_ACCMODE) == wrong_access) {
        return -EAGAIN;
    }
    timeval timeout{};
    socklen_t size = sizeof timeout;
    const int option = event_ == POLLIN ? SO_RCVTIMEO : SO_SNDTIMEO;
    // Not a socket: no timeout.
    if (::getsockopt(fd_, SOL_SOCKET, option, &timeout, &size) == 0 &&
        (timeout.tv_sec != 0 || timeout.tv_usec != 0)) {
        until_ = std::chrono::seconds(timeout.tv_sec) + std::chrono::microseconds(timeout.tv_usec);
    }
    knows_limit_ = true;
    return 0;
}

int descriptor_wait::wait() noexcept {
    if (const int error = find_limit()) {
        return error;
    }
    const int events = io::wait_for_event(fd_, event_, until_);
    if (events == -ETIMEDOUT && until_.expired()) {
        return -EAGAIN;  // as socket(7) has it
    }
    return events < 0 ? events : 0;
}

int descriptor_wait::pause() noexcept {
    if (const int error = find_limit()) {
        return error;
    }
    return until_.expired() ? -EAGAIN : io::sleep_until(io::when_to_retry(until_));
}

int descriptor_wait::wait_before() noexcept {
    if (io::events_now(fd_, event_) != 0) {
        let_others_run();
        return 0;
    }
    const int error = wait();
    return error == -EAGAIN && !knows_limit_ ? 0 : error;
}

}  // namespace weft::posix
