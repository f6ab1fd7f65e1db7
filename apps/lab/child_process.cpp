// SPDX-License-Identifier: Apache-2.0
#include "child_process.h"

#include "system_calls.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <ctime>
#include <string_view>

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace weft::lab {

namespace {

/// Between fork and exec: system calls only.
[[noreturn]] void become(char* const* arguments, int control, int errors, pid_t parent) {
    ::setpgid(0, 0);
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    sigset_t none;
    sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::signal(SIGPIPE, SIG_DFL);
    const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    if (::getppid() != parent || null < 0) {
        ::_exit(127);
    }
    // Descriptors at or below the control descriptor would be overwritten before they are copied.
    const int high_control = ::fcntl(control, F_DUPFD_CLOEXEC, 16);
    const int high_errors = ::fcntl(errors, F_DUPFD_CLOEXEC, 16);
    const int high_null = ::fcntl(null, F_DUPFD_CLOEXEC, 16);
    ::dup2(high_null, STDIN_FILENO);
    ::dup2(high_null, STDOUT_FILENO);
    ::dup2(high_errors, STDERR_FILENO);
    ::dup2(high_control, child_control_fd);
    ::execv("/proc/self/exe", arguments);
    ::_exit(127);
}

}  // namespace

child_process::child_process(child_process&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      control_(std::move(other.control_)),
      stderr_(std::exchange(other.stderr_, -1)),
      status_(other.status_) {}

child_process& child_process::operator=(child_process&& other) noexcept {
    if (this != &other) {
        kill();
        pid_ = std::exchange(other.pid_, -1);
        control_ = std::move(other.control_);
        stderr_ = std::exchange(other.stderr_, -1);
        status_ = other.status_;
    }
    return *this;
}

result<child_process> child_process::start(const std::vector<std::string>& arguments) {
    auto channel = control_channel::make_pair();
    if (!channel) {
        return std::unexpected(channel.error());
    }
    const int errors = ::memfd_create("weft-stderr", MFD_CLOEXEC);
    if (errors < 0) {
        return last_error();
    }
    std::vector<std::string> words{"weft"};
    words.insert(words.end(), arguments.begin(), arguments.end());
    std::vector<char*> pointers;
    for (std::string& word : words) {
        pointers.push_back(word.data());
    }
    pointers.push_back(nullptr);
    const pid_t parent = ::getpid();
    const pid_t pid = ::fork();
    if (pid == 0) {
        become(pointers.data(), channel->second.fd(), errors, parent);
    }
    if (pid < 0) {
        const auto error = last_error();
        ::close(errors);
        return error;
    }
    ::setpgid(pid, pid);  // here too: whoever comes first
    return child_process(pid, std::move(channel->first), errors);
}

void child_process::terminate() const noexcept {
    if (pid_ > 0 && !status_) {
        ::kill(pid_, SIGTERM);
    }
}

std::optional<int> child_process::wait(deadline until) {
    if (pid_ <= 0 || status_) {
        return status_;
    }
    const int handle = static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0));
    while (handle >= 0) {
        pollfd one{.fd = handle, .events = POLLIN, .revents = 0};
        if (::poll(&one, 1, milliseconds_until(until)) > 0 || until.expired()) {
            break;
        }
    }
    if (handle >= 0) {
        ::close(handle);
    }
    int status = 0;
    if (::waitpid(pid_, &status, WNOHANG) == pid_) {
        status_ = status;
    }
    return status_;
}

void child_process::end_all(deadline until) noexcept {
    constexpr timespec pause{.tv_sec = 0, .tv_nsec = 2'000'000};
    if (pid_ > 0) {
        ::kill(-pid_, SIGTERM);
    }
    while (pid_ > 0 && !until.expired()) {
        int status = 0;
        const pid_t ended = ::waitpid(-1, &status, WNOHANG);
        if (ended == pid_) {
            status_ = status;
        } else if (ended == 0) {
            ::nanosleep(&pause, nullptr);
        } else if (ended < 0 && errno != EINTR) {
            pid_ = -1;  // nobody is left
        }
    }
    kill();
}

void child_process::kill() noexcept {
    if (pid_ > 0) {
        ::kill(-pid_, SIGKILL);
        if (!status_) {
            ::kill(pid_, SIGKILL);  // it may not have made its group yet
            int status = 0;
            while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
            }
            status_ = status;
        }
        // What it forked: children of this process by now, if it is a subreaper.
        while (::waitpid(-pid_, nullptr, 0) > 0 || errno == EINTR) {
        }
        pid_ = -1;
    }
    if (stderr_ >= 0) {
        ::close(std::exchange(stderr_, -1));
    }
    control_.close();
}

std::string child_process::stderr_tail() const {
    constexpr off_t most = 4096;
    std::array<char, most> bytes;
    const off_t size = stderr_ < 0 ? 0 : ::lseek(stderr_, 0, SEEK_END);
    const ssize_t n =
        size <= 0 ? 0
                  : ::pread(stderr_, bytes.data(), bytes.size(), std::max<off_t>(0, size - most));
    std::string_view text(bytes.data(), static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
    const auto last = text.find_last_not_of(" \n\r\t");
    if (last == std::string_view::npos) {
        return {};
    }
    text = text.substr(0, last + 1);
    const auto line = text.find_last_of('\n');
    return std::string(line == std::string_view::npos ? text : text.substr(line + 1));
}

}  // namespace weft::lab
