// SPDX-License-Identifier: Apache-2.0
//
// systemd: what a service says to its manager, and the sockets that it gets from it, by the two
// protocols of environment variables that are open to every service manager. Nothing happens
// without a manager. All may block for a moment; no thread may change the environment meanwhile.
//
// Source: sd_notify(3), sd_listen_fds(3). Without libsystemd: both are a few lines, and it is much
// to depend on.
#pragma once

#include <sys/types.h>

#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include <weft/socket.h>

namespace weft::pool {

/// Sends `state`, lines NAME=VALUE, to $NOTIFY_SOCKET. False: there is none, or it does not listen.
bool notify_manager(std::string_view state) noexcept;

// What is to be sent.
std::string manager_ready();
/// With the time, by which the manager tells this reload from others.
std::string manager_reloading();
std::string manager_stopping();
/// Another process is the service from now on.
std::string manager_main_process(pid_t process);

/// The listening sockets that $LISTEN_FDS and $LISTEN_PID pass to this process, as they are; both
/// variables are removed. Empty: none, or they are meant for another process. Once.
std::expected<std::vector<unique_fd>, std::string> take_passed_sockets();

}  // namespace weft::pool
