// SPDX-License-Identifier: Apache-2.0
//
// unique_fd: owns a file descriptor. Not thread-safe.
#pragma once

#include <unistd.h>

#include <utility>

namespace weft {

class unique_fd {
public:
    /// Owns none.
    unique_fd() noexcept = default;
    /// Takes `fd` over; -1: owns none.
    explicit unique_fd(int fd) noexcept : fd_(fd) {}
    unique_fd(unique_fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    unique_fd& operator=(unique_fd&& other) noexcept {
        if (this != &other) {
            reset(std::exchange(other.fd_, -1));
        }
        return *this;
    }
    unique_fd(const unique_fd&) = delete;
    unique_fd& operator=(const unique_fd&) = delete;
    ~unique_fd() { reset(); }

    /// Stays this object's; -1 if it owns none.
    [[nodiscard]] int get() const noexcept { return fd_; }
    /// Whether it owns a descriptor.
    [[nodiscard]] bool valid() const noexcept { return fd_ >= 0; }
    /// Gives it up without closing it; -1 if it owned none.
    [[nodiscard]] int release() noexcept { return std::exchange(fd_, -1); }

    /// Closes what it held. On Linux close() frees the number even when it reports EINTR, so it is
    /// never repeated.
    void reset(int fd = -1) noexcept {
        if (fd_ >= 0) {
            ::close(fd_);
        }
        fd_ = fd;
    }

private:
    int fd_ = -1;
};

}  // namespace weft
