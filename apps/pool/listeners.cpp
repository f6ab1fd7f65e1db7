// SPDX-License-Identifier: Apache-2.0
#include "listeners.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <expected>
#include <utility>

#include "backend/tcp_settings.h"
#include "process_setup.h"

namespace weft::pool {

namespace {

using namespace std::chrono_literals;

/// While descriptors or memory have run out nobody is accepted.
constexpr auto accept_pause = 50ms;

bool is_unix(const listener& one) {
    const auto local = one.local_endpoint();
    return local && local->family() == AF_UNIX;
}

std::expected<void, std::string> protect(const std::string& file, const settings& by) {
    if (!by.unix_socket_group.empty()) {
        if (auto done = give_to_group(file, by.unix_socket_group); !done) {
            return done;
        }
    }
    (void)::chmod(file.c_str(), static_cast<mode_t>(by.unix_socket_mode));
    return {};
}

}  // namespace

listeners::listeners(log& log_to, std::function<void(socket)> start)
    : log_(log_to), start_(std::move(start)) {}

listeners::~listeners() {
    pause();
}

bool listeners::bind(const settings& by) {
    const std::string port = std::to_string(by.listen_port);
    for (const std::string& address : by.listen_addr) {
        const bool ipv6 = address.find(':') != std::string::npos;
        const std::string host = address == "localhost" ? "127.0.0.1" : address;
        if (!bind_at((ipv6 ? "[" + host + "]" : host) + ":" + port, by)) {
            return false;
        }
    }
    if (!by.unix_socket_dir.empty() && !bind_unix(by)) {
        return false;
    }
    if (all_.empty()) {
        note(log_level::fatal, "nowhere to listen on");
    }
    return !all_.empty();
}

bool listeners::bind_unix(const settings& by) {
    const std::string file = by.unix_socket_dir + "/.s.PGSQL." + std::to_string(by.listen_port);
    if (!bind_at("unix:" + file, by)) {
        return false;
    }
    if (file.front() == '@') {
        return true;
    }
    unix_file_ = file;
    const auto done = protect(file, by);
    if (!done) {
        note(log_level::fatal, done.error());
    }
    return done.has_value();
}

bool listeners::bind_at(const std::string& address, const settings& by) {
    const auto where = endpoint::parse(address);
    auto made = where ? listener::bind(
                            *where, {.backlog = by.listen_backlog, .reuse_port = by.so_reuseport})
                      : std::unexpected(where.error());
    if (!made) {
        note(log_level::fatal, "cannot listen on " + address + ": " + made.error().message());
        return false;
    }
    const auto local = made->local_endpoint();
    note(log_level::info, "listening on " + (local ? local->to_string() : address));
    all_.push_back(std::move(*made));
    return true;
}

bool listeners::adopt(std::vector<unique_fd> open) {
    for (unique_fd& each : open) {
        auto made = listener::from_native(each.get());
        if (!made) {
            note(log_level::fatal,
                 "descriptor " + std::to_string(each.get()) +
                     " was passed and does not listen: " + made.error().message());
            return false;
        }
        (void)each.release();
        const auto local = made->local_endpoint();
        note(log_level::info, "listening on " + (local ? local->to_string() : "?"));
        all_.push_back(std::move(*made));
    }
    return true;
}

void listeners::accept() {
    for (listener& each : all_) {
        acceptors_.emplace_back(
            [this, &each](const std::stop_token& stop) { accept_from(each, stop); });
    }
}

void listeners::accept_from(listener& from, const std::stop_token& stop) {
    while (!stop.stop_requested()) {
        auto connected = from.accept();
        if (connected) {
            start_(std::move(*connected));
            continue;
        }
        if (!from.is_open() || connected.error() == std::errc::operation_canceled) {
            return;
        }
        note(log_level::warning, "accept: " + connected.error().message());
        if (!this_fiber::sleep_for(accept_pause)) {
            return;
        }
    }
}

void listeners::pause() {
    for (fiber& each : acceptors_) {
        each.request_stop();
    }
    acceptors_.clear();
}

void listeners::close() {
    pause();
    all_.clear();
    if (!unix_file_.empty()) {
        ::unlink(std::exchange(unix_file_, {}).c_str());
    }
}

void listeners::close_tcp() {
    pause();
    std::erase_if(all_, [](const listener& each) { return !is_unix(each); });
    accept();
}

std::vector<unique_fd> listeners::release() {
    pause();
    std::vector<unique_fd> out;
    for (listener& each : all_) {
        out.emplace_back(each.release());
    }
    all_.clear();
    unix_file_.clear();
    return out;
}

void listeners::apply_tcp_settings(const settings& by) const {
    for (const listener& each : all_) {
        if (!is_unix(each)) {
            pool::apply_tcp_settings(by, each.native_handle());
        }
    }
}

}  // namespace weft::pool
