// SPDX-License-Identifier: Apache-2.0
//
// The system calls are made in functions that never suspend, since they name errno.
#include <weft/process.h>

#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <utility>

#include <weft/blocking.h>
#include <weft/errno.h>
#include <weft/poll.h>

#include "base/error.h"
#include "process/child_state.h"

namespace weft {

namespace {

constexpr auto by_pidfd = static_cast<idtype_t>(3);  // P_PIDFD, which glibc has since 2.36

exit_status status_of(const siginfo_t& info) noexcept {
    if (info.si_code == CLD_EXITED) {
        return exit_status::of_code(info.si_status);
    }
    return exit_status::of_signal(info.si_status, info.si_code == CLD_DUMPED);
}

[[gnu::noinline]] int wait_for(int pidfd, siginfo_t& info, int options) noexcept {
    for (;;) {
        info = {};
        if (::waitid(by_pidfd, static_cast<id_t>(pidfd), &info, WEXITED | options) == 0) {
            return info.si_pid != 0 ? 0 : EAGAIN;
        }
        if (errno != EINTR) {
            return errno;
        }
    }
}

}  // namespace

std::string exit_status::to_string() const {
    if (exited()) {
        return "exited with code " + std::to_string(code_);
    }
    return "killed by signal " + std::to_string(signal_) + (core_dumped_ ? " (core dumped)" : "");
}

int child_process::state::reap(int options) noexcept {
    if (status_) {
        return 0;
    }
    if (error_ != 0) {
        return error_;
    }
    siginfo_t info;
    const int error = wait_for(pidfd.get(), info, options);
    if (error == 0) {
        status_ = status_of(info);
    } else if (error != EAGAIN) {
        error_ = error;
    }
    return error;
}

int child_process::state::try_reap() noexcept {
    const base::spin_guard guard(lock_);
    return reap(WNOHANG);
}

exit_status child_process::state::status() noexcept {
    const base::spin_guard guard(lock_);
    return *status_;
}

[[gnu::noinline]] int child_process::state::send(int signal) noexcept {
    return ::syscall(SYS_pidfd_send_signal, pidfd.get(), signal, nullptr, 0) == 0 ? 0 : errno;
}

[[gnu::noinline]] int child_process::state::send_to_group(int signal) noexcept {
    if (!leads_group) {
        return EINVAL;
    }
    const base::spin_guard guard(lock_);
    if (status_ || error_ != 0) {
        return ESRCH;
    }
    return ::kill(-id, signal) == 0 ? 0 : errno;
}

void child_process::state::end() noexcept {
    if (try_reap() != EAGAIN) {
        return;
    }
    if (send(SIGKILL) == EPERM) {
        return;
    }
    // Short, unless the child is in the midst of something that the kernel cannot interrupt. The
    // status stays for reap(), which takes it without waiting.
    blocking([this] {
        siginfo_t info;
        (void)wait_for(pidfd.get(), info, WNOWAIT);
    });
    (void)try_reap();
}

child_process::child_process() noexcept = default;
child_process::child_process(child_process&&) noexcept = default;

child_process& child_process::operator=(child_process&& other) noexcept {
    if (this != &other) {
        const child_process old(std::move(*this));
        state_ = std::move(other.state_);
        input_ = std::move(other.input_);
        output_ = std::move(other.output_);
        error_ = std::move(other.error_);
    }
    return *this;
}

child_process::~child_process() {
    if (state_ != nullptr) {
        state_->end();
    }
}

result<exit_status> child_process::wait(deadline until) {
    if (state_ == nullptr) {
        return base::fail(ECHILD, "wait for a process");
    }
    for (;;) {
        const int error = state_->try_reap();
        if (error == 0) {
            return state_->status();
        }
        if (error != EAGAIN) {
            return base::fail(error, "wait for a process");
        }
        const auto ended = poll(state_->pidfd.get(), POLLIN, until);
        if (!ended) {
            return base::fail(ended.error(), "wait for a process");
        }
    }
}

result<std::optional<exit_status>> child_process::try_wait() noexcept {
    const int error = state_ != nullptr ? state_->try_reap() : ECHILD;
    if (error == 0) {
        return state_->status();
    }
    if (error == EAGAIN) {
        return std::optional<exit_status>();
    }
    return base::fail(error, "wait for a process");
}

result<void> child_process::kill(int signal) noexcept {
    if (const int error = state_ != nullptr ? state_->send(signal) : ESRCH) {
        return base::fail(error, "kill");
    }
    return {};
}

result<void> child_process::kill_group(int signal) noexcept {
    if (const int error = state_ != nullptr ? state_->send_to_group(signal) : ESRCH) {
        return base::fail(error, "kill_group");
    }
    return {};
}

pid_t child_process::id() const noexcept {
    return state_ != nullptr ? state_->id : 0;
}

int child_process::native_handle() const noexcept {
    return state_ != nullptr ? state_->pidfd.get() : -1;
}

namespace co {

task<result<exit_status>> wait(child_process& child, deadline until) {
    child_process::state* const state = process_access::state(child);
    int error = state != nullptr ? state->try_reap() : ECHILD;
    while (error == EAGAIN) {
        const auto ended = co_await co::wait_readable(state->pidfd.get(), until);
        if (!ended) {
            co_return base::fail(ended.error(), "wait for a process");
        }
        error = state->try_reap();
    }
    if (error != 0) {
        co_return base::fail(error, "wait for a process");
    }
    co_return state->status();
}

}  // namespace co

}  // namespace weft
