// SPDX-License-Identifier: Apache-2.0
//
// stop_event: a std::stop_token as a descriptor that becomes readable when the stop is requested.
#pragma once

#include <functional>
#include <memory>
#include <stop_token>

#include <sys/eventfd.h>

#include <weft/error.h>

#include "base/error.h"
#include "base/fd.h"

namespace weft::serving {

class stop_event {
public:
    static result<std::unique_ptr<stop_event>> make(const std::stop_token& stop) {
        base::unique_fd fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
        if (!fd.valid()) {
            return base::fail_errno();
        }
        return std::unique_ptr<stop_event>(new stop_event(std::move(fd), stop));
    }

    [[nodiscard]] int native_handle() const noexcept { return fd_.get(); }

private:
    stop_event(base::unique_fd fd, const std::stop_token& stop)
        : fd_(std::move(fd)), callback_(stop, notify{fd_.get()}) {}

    struct notify {
        int fd;
        void operator()() const noexcept { ::eventfd_write(fd, 1); }
    };

    base::unique_fd fd_;
    std::stop_callback<notify> callback_;  // last: gone, and waited for, before the descriptor
};

}  // namespace weft::serving
