// SPDX-License-Identifier: Apache-2.0
//
// Children of a probe. Throws std::system_error. One thread.
#pragma once

#include <cerrno>
#include <cstdint>
#include <system_error>
#include <utility>

#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

namespace weft::measure {

[[noreturn]] inline void throw_errno(const char* call) {
    throw std::system_error(errno, std::generic_category(), call);
}

/// fork() that throws.
inline pid_t fork_child() {
    const pid_t child = ::fork();
    if (child < 0) {
        throw_errno("fork");
    }
    return child;
}

/// Its wait status.
inline int wait_for(pid_t child) {
    int status = 0;
    while (::waitpid(child, &status, 0) < 0) {
        if (errno != EINTR) {
            throw_errno("waitpid");
        }
    }
    return status;
}

/// A pipe whose ends are closed with it.
class byte_pipe {
public:
    byte_pipe() {
        int both[2];
        if (::pipe(both) != 0) {
            throw_errno("pipe");
        }
        read_ = both[0];
        write_ = both[1];
    }
    ~byte_pipe() {
        close_read();
        close_write();
    }
    byte_pipe(const byte_pipe&) = delete;
    byte_pipe& operator=(const byte_pipe&) = delete;

    void close_read() noexcept { close(read_); }
    void close_write() noexcept { close(write_); }

    /// False: the other end is closed.
    [[nodiscard]] bool take() const noexcept {
        char byte = 0;
        ssize_t got = 0;
        do {
            got = ::read(read_, &byte, 1);
        } while (got < 0 && errno == EINTR);
        return got == 1;
    }
    bool give() const noexcept {
        const char byte = 'x';
        return ::write(write_, &byte, 1) == 1;
    }

private:
    static void close(int& end) noexcept {
        if (end >= 0) {
            ::close(std::exchange(end, -1));
        }
    }
    int read_ = -1;
    int write_ = -1;
};

}  // namespace weft::measure
