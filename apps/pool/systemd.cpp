// SPDX-License-Identifier: Apache-2.0
#include "systemd.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <charconv>
#include <chrono>
#include <cstdlib>
#include <optional>

#include <weft/socket.h>
#include <weft/time.h>

namespace weft::pool {

namespace {

constexpr int first_passed = 3;

/// More than any unit has; a number that somebody has mistyped must not make us close files.
constexpr int most_passed = 253;

std::optional<int> number_of(const char* variable) {
    const char* const text = std::getenv(variable);
    if (text == nullptr) {
        return std::nullopt;
    }
    const std::string_view all(text);
    int number = -1;
    const auto read = std::from_chars(all.data(), all.data() + all.size(), number);
    return read.ec == std::errc() && read.ptr == all.data() + all.size() ? number : -1;
}

}  // namespace

bool notify_manager(std::string_view state) noexcept {
    const char* const name = std::getenv("NOTIFY_SOCKET");
    if (name == nullptr || (name[0] != '/' && name[0] != '@')) {
        return false;
    }
    const auto address = endpoint::parse(name[0] == '@' ? name : "unix:" + std::string(name));
    const unique_fd from(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    return address && from.valid() &&
           ::sendto(from.get(), state.data(), state.size(), MSG_NOSIGNAL, address->data(),
                    address->size()) == static_cast<ssize_t>(state.size());
}

std::string manager_ready() {
    return "READY=1\nSTATUS=serving\n";
}

std::string manager_reloading() {
    const auto now =
        std::chrono::duration_cast<std::chrono::microseconds>(clock::now().time_since_epoch());
    return "RELOADING=1\nMONOTONIC_USEC=" + std::to_string(now.count()) + "\n";
}

std::string manager_stopping() {
    return "STOPPING=1\nSTATUS=shutting down\n";
}

std::string manager_main_process(pid_t process) {
    return "MAINPID=" + std::to_string(process) + "\nREADY=1\n";
}

std::expected<std::vector<unique_fd>, std::string> take_passed_sockets() {
    const auto process = number_of("LISTEN_PID");
    const auto count = number_of("LISTEN_FDS");
    if (!process || !count || *process != ::getpid()) {
        return {};
    }
    ::unsetenv("LISTEN_PID");
    ::unsetenv("LISTEN_FDS");
    ::unsetenv("LISTEN_FDNAMES");
    if (*count < 0 || *count > most_passed) {
        return std::unexpected(std::string("LISTEN_FDS is not a number of sockets"));
    }
    std::vector<unique_fd> out;
    for (int fd = first_passed; fd < first_passed + *count; ++fd) {
        if (::fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) {
            return std::unexpected("LISTEN_FDS says that descriptor " + std::to_string(fd) +
                                   " is open, and it is not");
        }
        out.emplace_back(fd);
    }
    return out;
}

}  // namespace weft::pool
