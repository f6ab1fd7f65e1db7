// SPDX-License-Identifier: Apache-2.0
//
// What the plain epoll servers begin with.
#pragma once

namespace bench {

/// Prints what failed, with errno, and ends the program.
[[noreturn]] void fail(const char* what);

/// Makes the socket `fd` listen on a free port of 127.0.0.1, which it prints as a line.
void listen_and_print_port(int fd);

/// A connection of the listener `fd`, which does not block and has TCP_NODELAY; -1: none is there.
int accept_one(int fd);

}  // namespace bench
