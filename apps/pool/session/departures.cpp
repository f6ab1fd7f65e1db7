// SPDX-License-Identifier: Apache-2.0
#include "session/departures.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <utility>

namespace weft::pool {

namespace {

/// Of a peer that has gone: whoever reads gets the end.
unique_fd ended_socket() {
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
        return {};
    }
    ::close(ends[1]);
    return unique_fd(ends[0]);
}

/// Under the registry's mutex, so that the client cannot end meanwhile.
void call_one(client& who, const unique_fd& ended) {
    auto expected = client::presence::idle;
    if (!who.now.compare_exchange_strong(expected, client::presence::called)) {
        return;
    }
    const int fd = who.io.raw().native_handle();
    unique_fd own(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
    if (!own.valid() || ::dup3(ended.get(), fd, O_CLOEXEC) < 0) {
        expected = client::presence::called;
        (void)who.now.compare_exchange_strong(expected, client::presence::idle);
        return;
    }
    who.own_socket = own.release();
    who.io.close();
}

}  // namespace

void departures::call(const client_registry& all) const {
    if (!are_open()) {
        return;
    }
    const unique_fd ended = ended_socket();
    if (ended.valid()) {
        all.visit([&](client& who) { call_one(who, ended); });
    }
}

bool has_been_called(const client_registry& all, client& who) {
    unique_fd own;
    all.exclusively([&] { own.reset(std::exchange(who.own_socket, -1)); });  // call_one() has ended
    if (!own.valid()) {
        return false;
    }
    auto again = socket::from_native(own.get());
    if (!again) {
        return true;  // without memory: its socket is closed, and it ends
    }
    (void)own.release();
    all.exclusively([&] { who.io = transport(std::move(*again)); });
    return true;
}

}  // namespace weft::pool
