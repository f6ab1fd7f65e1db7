// SPDX-License-Identifier: Apache-2.0
#include "service.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <exception>
#include <memory>
#include <utility>
#include <vector>

#include <weft/blocking.h>
#include <weft/fiber.h>
#include <weft/select.h>
#include <weft/signal.h>
#include <weft/socket.h>
#include <weft/wait_group.h>

#include "config/difference.h"
#include "load_files.h"
#include "session/session.h"

namespace weft::pool {

namespace {

using namespace std::chrono_literals;

/// How often pools are looked after; charges and quotas are as fine as this.
constexpr auto look_period = 100ms;

/// While descriptors or memory have run out nobody is accepted.
constexpr auto accept_pause = 50ms;

/// For clients that have a transaction open when the pooler stops.
constexpr auto longest_drain = 60s;

class service {
public:
    service(configuration_ptr config, std::string path, dns::resolver names, log& log_to)
        : path_(std::move(path)), pooler_(std::move(config), std::move(names), log_to) {}

    int run() {
        if (!listen()) {
            return 1;
        }
        signal_set signals({SIGINT, SIGTERM, SIGHUP});
        for (listener& each : listeners_) {
            acceptors_.emplace_back([this, &each](std::stop_token) { accept_from(each); });
        }
        fiber keeper([this](std::stop_token stop) { look_after(stop); });
        wait_for_end(signals);
        stop(signals);
        return 0;
    }

private:
    void note(log_level level, const std::string& text) { pooler_.logger.write(level, text); }

    bool listen_at(const std::string& address) {
        const configuration_ptr config = pooler_.config();
        const settings& general = config->config.general;
        const auto where = endpoint::parse(address);
        auto made = where ? listener::bind(*where, {.backlog = general.listen_backlog,
                                                    .reuse_port = general.so_reuseport})
                          : std::unexpected(where.error());
        if (!made) {
            note(log_level::fatal, "cannot listen on " + address + ": " + made.error().message());
            return false;
        }
        const auto local = made->local_endpoint();
        note(log_level::info, "listening on " + (local ? local->to_string() : address));
        listeners_.push_back(std::move(*made));
        return true;
    }

    bool listen() {
        const configuration_ptr config = pooler_.config();
        const settings& general = config->config.general;
        const std::string port = std::to_string(general.listen_port);
        for (const std::string& address : general.listen_addr) {
            const bool ipv6 = address.find(':') != std::string::npos;
            const std::string host = address == "localhost" ? "127.0.0.1" : address;
            if (!listen_at((ipv6 ? "[" + host + "]" : host) + ":" + port)) {
                return false;
            }
        }
        if (!general.unix_socket_dir.empty()) {
            const std::string file = general.unix_socket_dir + "/.s.PGSQL." + port;
            if (!listen_at("unix:" + file)) {
                return false;
            }
            if (file.front() != '@') {
                unix_file_ = file;
                (void)::chmod(file.c_str(), static_cast<mode_t>(general.unix_socket_mode));
            }
        }
        if (listeners_.empty()) {
            note(log_level::fatal, "nowhere to listen on");
        }
        return !listeners_.empty();
    }

    void accept_from(listener& from) {
        for (;;) {
            auto connected = from.accept();
            if (!connected) {
                if (!from.is_open() || connected.error() == std::errc::operation_canceled) {
                    return;
                }
                note(log_level::warning, "accept: " + connected.error().message());
                if (!this_fiber::sleep_for(accept_pause)) {
                    return;
                }
                continue;
            }
            start(std::move(*connected));
        }
    }

    void start(socket connected) {
        try {
            fiber([this, s = std::move(connected)]() mutable {
                serve_connection(pooler_, std::move(s));
            }).detach();
        } catch (const std::bad_alloc&) {
            note(log_level::warning, "a client was refused: out of memory");
        }
    }

    void look_after(const std::stop_token& stop) {
        while (!stop.stop_requested() && this_fiber::sleep_for(look_period)) {
            for (const auto& each : pooler_.pools()) {
                each->pool->look_after();
            }
        }
    }

    void wait_for_end(signal_set& signals) {
        for (;;) {
            const auto which = signals.wait();
            if (!which || which->signal != SIGHUP) {
                return;
            }
            reload();
        }
    }

    void reload() {
        note(log_level::info, "got SIGHUP, re-reading config");
        if (path_.empty()) {
            return;
        }
        auto fresh = blocking([&] { return load_files(path_); });
        if (!fresh) {
            note(log_level::error, "the configuration stays as it is: " + fresh.error());
            return;
        }
        for (const change& each : difference(pooler_.config()->config, (*fresh)->config)) {
            note(log_level::info, text_of(each));
        }
        pooler_.set_config(*std::move(fresh));
    }

    /// Those that have nothing open go at once, others when they have.
    void stop(signal_set& signals) {
        note(log_level::info, "got a signal, shutting down");
        for (listener& each : listeners_) {
            each.close();
        }
        pooler_.begin_shutdown();
        const deadline end = longest_drain;
        while (pooler_.connections != 0 && !end.expired()) {
            send_home(false);
            bool again = false;
            (void)select(on_readable(signals, [&] { again = true; }), on_deadline(look_period));
            if (again) {
                break;
            }
        }
        send_home(true);
        while (pooler_.connections != 0) {
            (void)this_fiber::sleep_for(1ms);
            send_home(true);
        }
        if (!unix_file_.empty()) {
            ::unlink(unix_file_.c_str());
        }
        note(log_level::info, "all clients have gone");
    }

    /// Those that rest, or all: their next read says that this is the end.
    void send_home(bool all) {
        pooler_.clients.visit([&](client& who) {
            if (all) {
                who.io.close();
            } else if (who.pool->pool->rests(who.place)) {
                ::shutdown(who.io.raw().native_handle(), SHUT_RD);
            }
        });
    }

    const std::string path_;
    pooler pooler_;
    std::vector<listener> listeners_;
    std::vector<fiber> acceptors_;
    std::string unix_file_;
};

}  // namespace

int serve_pool(configuration_ptr config, const std::string& path, log& log_to) {
    auto names = dns::resolver::create();
    if (!names) {
        log_to.write(log_level::fatal, "no names can be looked up: " + names.error().message());
        return 1;
    }
    return service(std::move(config), path, std::move(*names), log_to).run();
}

}  // namespace weft::pool
