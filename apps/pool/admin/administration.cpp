// SPDX-License-Identifier: Apache-2.0
#include "admin/administration.h"

#include <sys/socket.h>

#include <cerrno>
#include <mutex>
#include <utility>

#include "admin/console.h"

namespace weft::pool {

administration::administration(pooler& of, service_actions does)
    : pooler_(of), service_(std::move(does)), numbers_(of.started) {}

void administration::serve(transport& io, input_buffer& in, std::string_view user,
                           bool may_change) {
    std::list<guest> self;
    self.push_back({.io = &io,
                    .facts = {.user = std::string(user),
                              .connected = clock::now(),
                              .remote = io.raw().peer_endpoint().value_or(endpoint()),
                              .local = io.raw().local_endpoint().value_or(endpoint()),
                              .tls = io.encrypted() ? std::string(io.tls().version()) : ""}});
    const auto place = self.begin();
    {
        const std::lock_guard lock(mutex_);
        guests_.splice(guests_.end(), self);
    }
    serve_console(*this, io, in, may_change);
    const std::lock_guard lock(mutex_);
    guests_.erase(place);
}

bool administration::is_there(const transport& io) const {
    char next = 0;
    // Under the mutex: a descriptor that close_consoles() has closed may be somebody else's by now.
    const std::lock_guard lock(mutex_);
    if (!io.is_open()) {
        return false;
    }
    const auto got = ::recv(io.raw().native_handle(), &next, sizeof next, MSG_PEEK | MSG_DONTWAIT);
    return got > 0 || (got < 0 && errno == EAGAIN);
}

std::size_t administration::consoles() const {
    const std::lock_guard lock(mutex_);
    return guests_.size();
}

void administration::close_consoles() {
    const std::lock_guard lock(mutex_);
    for (const guest& each : guests_) {
        each.io->close();
    }
}

void administration::look_after() {
    numbers_.look_after(pooler_, clock::now());
}

console_view administration::view() const {
    console_view out{.of = pooler_, .numbers = numbers_, .guests = {}};
    const std::lock_guard lock(mutex_);
    for (const guest& each : guests_) {
        out.guests.push_back(each.facts);
    }
    return out;
}

}  // namespace weft::pool
