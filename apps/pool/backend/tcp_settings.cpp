// SPDX-License-Identifier: Apache-2.0
#include "backend/tcp_settings.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <limits>

namespace weft::pool {

namespace {

void set(int socket, int level, int name, int value) noexcept {
    (void)::setsockopt(socket, level, name, &value, sizeof value);
}

void set_unless_zero(int socket, int level, int name, int value) noexcept {
    if (value != 0) {
        set(socket, level, name, value);
    }
}

/// In whole units, at least one of them if there is any.
template <class Unit>
int count_of(microseconds time) noexcept {
    return static_cast<int>(std::min<std::int64_t>(std::chrono::ceil<Unit>(time).count(),
                                                   std::numeric_limits<int>::max()));
}

}  // namespace

void apply_tcp_settings(const settings& from, int socket) noexcept {
    set(socket, SOL_SOCKET, SO_KEEPALIVE, from.tcp_keepalive ? 1 : 0);
    if (from.tcp_keepalive) {
        set_unless_zero(socket, IPPROTO_TCP, TCP_KEEPCNT, from.tcp_keepcnt);
        set_unless_zero(socket, IPPROTO_TCP, TCP_KEEPIDLE, count_of<seconds>(from.tcp_keepidle));
        set_unless_zero(socket, IPPROTO_TCP, TCP_KEEPINTVL, count_of<seconds>(from.tcp_keepintvl));
    }
    set_unless_zero(socket, IPPROTO_TCP, TCP_USER_TIMEOUT,
                    count_of<std::chrono::milliseconds>(from.tcp_user_timeout));
    set_unless_zero(socket, SOL_SOCKET, SO_SNDBUF, from.tcp_socket_buffer);
    set_unless_zero(socket, SOL_SOCKET, SO_RCVBUF, from.tcp_socket_buffer);
}

}  // namespace weft::pool
