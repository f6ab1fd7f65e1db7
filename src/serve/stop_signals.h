// SPDX-License-Identifier: Apache-2.0
//
// stop_signals: a set of signals as a descriptor that can be polled. They are blocked on the thread
// that makes it (and on threads that it starts later) until it is destroyed, by the same thread.
#pragma once

#include <sys/signalfd.h>
#include <csignal>

#include <span>

#include <weft/error.h>

#include "base/fd.h"

namespace weft::serving {

class stop_signals {
public:
    /// The signals that request a stop, if `terminate`, and SIGCHLD, if `children`.
    static result<stop_signals> make(bool terminate, bool children) noexcept;
    stop_signals(stop_signals&& other) noexcept;
    stop_signals& operator=(stop_signals&&) = delete;
    ~stop_signals();

    /// -1 if the set is empty.
    [[nodiscard]] int native_handle() const noexcept { return fd_.get(); }

    /// The mask of the thread before.
    [[nodiscard]] const sigset_t& mask_before() const noexcept { return before_; }

    /// Takes what has come, without waiting; empty if nothing has.
    std::span<const signalfd_siginfo> take(std::span<signalfd_siginfo> buffer) noexcept;

    static bool is_terminate(const signalfd_siginfo& info) noexcept {
        return info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT;
    }

private:
    stop_signals() = default;

    base::unique_fd fd_;
    sigset_t before_{};
    bool active_ = false;
};

}  // namespace weft::serving
