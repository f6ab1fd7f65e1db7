// SPDX-License-Identifier: Apache-2.0
#include "serve/stop_signals.h"

#include <unistd.h>

#include <utility>

#include "base/error.h"

namespace weft::serving {

result<stop_signals> stop_signals::make(bool terminate, bool children) noexcept {
    stop_signals made;
    sigset_t wanted;
    sigemptyset(&wanted);
    if (terminate) {
        sigaddset(&wanted, SIGTERM);
        sigaddset(&wanted, SIGINT);
    }
    if (children) {
        sigaddset(&wanted, SIGCHLD);
    }
    if (terminate || children) {
        made.fd_ = base::unique_fd(::signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK));
        if (!made.fd_.valid()) {
            return base::fail_errno();
        }
    }
    ::pthread_sigmask(SIG_BLOCK, &wanted, &made.before_);
    made.active_ = true;
    return made;
}

stop_signals::stop_signals(stop_signals&& other) noexcept
    : fd_(std::move(other.fd_)),
      before_(other.before_),
      active_(std::exchange(other.active_, false)) {}

stop_signals::~stop_signals() {
    if (active_) {
        ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
    }
}

std::span<const signalfd_siginfo> stop_signals::take(std::span<signalfd_siginfo> buffer) noexcept {
    if (!fd_.valid()) {
        return {};
    }
    const ssize_t n = ::read(fd_.get(), buffer.data(), buffer.size_bytes());
    return n > 0 ? buffer.first(static_cast<std::size_t>(n) / sizeof(signalfd_siginfo))
                 : buffer.first(0);
}

}  // namespace weft::serving
