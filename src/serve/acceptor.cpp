// SPDX-License-Identifier: Apache-2.0
#include "serve/acceptor.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <utility>

namespace weft::serving {

listener_use::listener_use(const listener& from) noexcept
    : descriptor_(io::access::descriptor(from)) {
    if (descriptor_ == nullptr) {
        error_ = EBADF;
        return;
    }
    call_.emplace(*descriptor_, io::direction::read);
    error_ = call_->error() != 0 ? call_->error() : descriptor_->make_nonblocking();
}

void refuse(base::unique_fd client, std::string_view text) noexcept {
    if (!text.empty()) {
        // A failure here is the client's loss; it learns of the refusal by the close.
        static_cast<void>(
            ::send(client.get(), text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL));
    }
    ::shutdown(client.get(), SHUT_WR);
    // Closing a socket with unread bytes sends a reset, which may overtake the text.
    std::array<std::byte, 4096> unread;
    static_cast<void>(::recv(client.get(), unread.data(), unread.size(), MSG_DONTWAIT));
}

overload::overload() noexcept {
    take_reserve();
}

void overload::take_reserve() noexcept {
    reserve_ = base::unique_fd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
}

accept_failure overload::deal_with(int error, io::poll_descriptor& listener,
                                   accept_function& accept, std::string_view refusal) noexcept {
    switch (error) {
        case EAGAIN:
            return accept_failure::none_there;
        case EMFILE:
        case ENFILE:
        case ENOBUFS:
        case ENOMEM:
            return shed_one(listener, accept, refusal);
        case EPERM:  // a firewall's rule: this client's, mostly, not the listener's
            return accept_failure::pause;
        default:
            return accept_failure::fatal;
    }
}

// The kernel looks for a free number before it looks for a client, so EMFILE does not mean that
// there is one.
accept_failure overload::shed_one(io::poll_descriptor& listener, accept_function& accept,
                                  std::string_view refusal) noexcept {
    reserve_.reset();
    const int fd = accept(listener);
    if (fd >= 0) {
        refuse(base::unique_fd(fd), refusal);
    }
    take_reserve();
    if (fd >= 0) {
        return accept_failure::shed;
    }
    return fd == -EAGAIN ? accept_failure::none_there : accept_failure::pause;
}

base::nanoseconds_t overload::next_pause() noexcept {
    const base::nanoseconds_t now = pause_;
    pause_ = std::min(2 * pause_, longest_pause);
    return now;
}

}  // namespace weft::serving
