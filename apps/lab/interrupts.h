// SPDX-License-Identifier: Apache-2.0
//
// interrupts: SIGINT, SIGTERM and SIGHUP as something to wait for. While it lives the signals do
// not end the program; the first one makes fd() readable and requested() true. One per program,
// on its only thread.
#pragma once

#include <csignal>

namespace weft::lab {

class interrupts {
public:
    interrupts();
    ~interrupts();
    interrupts(const interrupts&) = delete;
    interrupts& operator=(const interrupts&) = delete;

    [[nodiscard]] int fd() const noexcept { return fd_; }
    /// Whether a signal has come. Does not take it, so that fd() stays readable.
    [[nodiscard]] bool requested() const noexcept;

private:
    sigset_t before_{};
    int fd_ = -1;
};

}  // namespace weft::lab
