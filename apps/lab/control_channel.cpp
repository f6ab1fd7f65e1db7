// SPDX-License-Identifier: Apache-2.0
#include "control_channel.h"

#include "system_calls.h"

#include <array>
#include <cerrno>

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace weft::lab {

namespace {

std::unexpected<std::error_code> failure(std::errc code) {
    return std::unexpected(std::make_error_code(code));
}

}  // namespace

control_channel& control_channel::operator=(control_channel&& other) noexcept {
    if (this != &other) {
        close();
        fd_ = std::exchange(other.fd_, -1);
        buffer_ = std::move(other.buffer_);
    }
    return *this;
}

void control_channel::close() noexcept {
    if (fd_ >= 0) {
        ::close(std::exchange(fd_, -1));
    }
}

result<std::pair<control_channel, control_channel>> control_channel::make_pair() {
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
        return last_error();
    }
    return std::pair(control_channel(ends[0]), control_channel(ends[1]));
}

result<void> control_channel::send(const nlohmann::json& message) {
    std::string line = message.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    line += '\n';
    std::string_view rest = line;
    while (!rest.empty()) {
        const ssize_t n = ::send(fd_, rest.data(), rest.size(), MSG_NOSIGNAL);
        if (n >= 0) {
            rest.remove_prefix(static_cast<std::size_t>(n));
        } else if (errno != EINTR) {
            return last_error();
        }
    }
    return {};
}

result<void> control_channel::fill(deadline until) {
    pollfd one{.fd = fd_, .events = POLLIN, .revents = 0};
    const int ready = ::poll(&one, 1, milliseconds_until(until));
    if (ready < 0 && errno != EINTR) {
        return last_error();
    }
    if (ready <= 0) {
        return until.expired() ? result<void>(failure(std::errc::timed_out)) : result<void>();
    }
    std::array<char, 65536> bytes;
    const ssize_t n = ::recv(fd_, bytes.data(), bytes.size(), 0);
    if (n > 0) {
        buffer_.append(bytes.data(), static_cast<std::size_t>(n));
        return {};
    }
    if (n < 0 && errno == EINTR) {
        return {};
    }
    if (n == 0 || errno == ECONNRESET) {
        return std::unexpected(make_error_code(errc::unexpected_end_of_stream));
    }
    return last_error();
}

result<nlohmann::json> control_channel::receive(deadline until) {
    std::size_t searched = 0;
    for (;;) {
        const std::size_t end = buffer_.find('\n', searched);
        if (end != std::string::npos) {
            auto message = nlohmann::json::parse(buffer_.begin(),
                                                 buffer_.begin() + static_cast<std::ptrdiff_t>(end),
                                                 nullptr, false);
            buffer_.erase(0, end + 1);
            if (!message.is_object()) {  // also what could not be parsed
                return failure(std::errc::bad_message);
            }
            return message;
        }
        searched = buffer_.size();
        if (searched > longest_line) {
            return failure(std::errc::message_size);
        }
        if (const auto filled = fill(until); !filled) {
            return std::unexpected(filled.error());
        }
    }
}

}  // namespace weft::lab
