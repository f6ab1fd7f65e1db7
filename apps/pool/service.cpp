// SPDX-License-Identifier: Apache-2.0
#include "service.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <exception>
#include <expected>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include <weft/blocking.h>
#include <weft/channel.h>
#include <weft/fiber.h>
#include <weft/mutex.h>
#include <weft/select.h>
#include <weft/signal.h>
#include <weft/socket.h>
#include <weft/wait_group.h>

#include "admin/administration.h"
#include "backend/tcp_settings.h"
#include "config/difference.h"
#include "config/setting_table.h"
#include "load_files.h"
#include "process_setup.h"
#include "session/connection.h"

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
        : path_(std::move(path)),
          pooler_(std::move(config), std::move(names), log_to),
          admin_(pooler_,
                 {.reload = [this] { return reload(); },
                  .set = [this](std::string_view name,
                                std::string_view value) { return set(name, value); },
                  .shut_down = [this](shutdown_mode mode) { (void)requests_.try_send(mode); }}) {
        pooler_.console = [this](pooler&, transport& io, input_buffer& in, std::string_view user,
                                 bool may_change) { admin_.serve(io, in, user, may_change); };
    }

    int run() {
        if (!listen()) {
            return 1;
        }
        apply_tcp_settings_to_listeners();
        signal_set signals({SIGINT, SIGTERM, SIGHUP});
        for (listener& each : listeners_) {
            acceptors_.emplace_back([this, &each](std::stop_token) { accept_from(each); });
        }
        fiber keeper([this](std::stop_token stop) { look_after(stop); });
        const auto how = wait_for_end(signals);
        if (how && *how != shutdown_mode::now) {
            wait_until_unused(signals, *how);
        }
        stop(signals, !how);
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
                if (const auto done = protect(file, general); !done) {
                    note(log_level::fatal, done.error());
                    return false;
                }
            }
        }
        if (listeners_.empty()) {
            note(log_level::fatal, "nowhere to listen on");
        }
        return !listeners_.empty();
    }

    static std::expected<void, std::string> protect(const std::string& file, const settings& by) {
        if (!by.unix_socket_group.empty()) {
            if (auto done = give_to_group(file, by.unix_socket_group); !done) {
                return done;
            }
        }
        (void)::chmod(file.c_str(), static_cast<mode_t>(by.unix_socket_mode));
        return {};
    }

    /// Those who are accepted from now on have them.
    void apply_tcp_settings_to_listeners() {
        const configuration_ptr config = pooler_.config();
        for (const listener& each : listeners_) {
            const auto local = each.local_endpoint();
            if (local && local->family() != AF_UNIX) {
                apply_tcp_settings(config->config.general, each.native_handle());
            }
        }
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
            admin_.look_after();
        }
    }

    /// What the console has asked for; nothing: a signal has come.
    std::optional<shutdown_mode> wait_for_end(signal_set& signals) {
        for (;;) {
            std::optional<shutdown_mode> asked;
            bool signalled = false;
            const auto which = select(on_readable(signals, [&] { signalled = true; }),
                                      on_receive(requests_, [&](auto mode) { asked = mode; }));
            if (asked || !which) {
                return asked;
            }
            const auto came = signalled ? signals.wait() : signal_info();
            if (!came || came->signal != SIGHUP) {
                return std::nullopt;
            }
            note(log_level::info, "got SIGHUP, re-reading config");
            (void)reload();
        }
    }

    std::expected<void, std::string> reload() {
        if (path_.empty()) {
            return {};
        }
        const std::lock_guard lock(changing_);
        const configuration_ptr running = pooler_.config();
        auto fresh = blocking([&] { return load_files(path_, &running->config.general); });
        if (!fresh) {
            note(log_level::error, "the configuration stays as it is: " + fresh.error());
            return std::unexpected(fresh.error());
        }
        for (const change& each : difference(running->config, (*fresh)->config)) {
            note(log_level::info, text_of(each));
        }
        const std::string log_file = (*fresh)->config.general.logfile;
        pooler_.set_config(*std::move(fresh));
        apply_tcp_settings_to_listeners();
        if (const auto failed = blocking([&] { return pooler_.logger.reopen(log_file); })) {
            note(log_level::error, log_file + ": " + failed.message());
        }
        return {};
    }

    /// Until the next reload.
    std::expected<void, std::string> set(std::string_view name, std::string_view value) {
        const std::lock_guard lock(changing_);
        configuration fresh = pooler_.config()->config;
        if (const auto read = set_general(fresh.general, name, value); !read) {
            return read;
        }
        auto loaded = blocking([&] { return complete(std::move(fresh)); });
        if (!loaded) {
            return std::unexpected(loaded.error());
        }
        pooler_.set_config(*std::move(loaded));
        apply_tcp_settings_to_listeners();
        return {};
    }

    /// Nobody comes any more but to the console, by a Unix socket; then, until no client is there,
    /// or none has a server. A signal, and the console's SHUTDOWN, end the wait.
    void wait_until_unused(signal_set& signals, shutdown_mode mode) {
        pooler_.refuse_clients();
        for (listener& each : listeners_) {
            const auto local = each.local_endpoint();
            if (!local || local->family() != AF_UNIX) {
                each.close();
            }
        }
        const bool for_servers = mode == shutdown_mode::wait_for_servers;
        if (for_servers) {
            (void)pooler_.off.stop_all(switches::mode::paused);
        }
        bool again = false;
        while (!again && !(for_servers ? pause_servers() : pooler_.clients.count() == 0)) {
            (void)select(
                on_readable(signals, [&] { again = true; }),
                on_receive(requests_, [&](auto next) { again = next == shutdown_mode::now; }),
                on_deadline(look_period));
        }
    }

    /// Whether all servers are closed. Who waits for one is told that there will be none.
    bool pause_servers() {
        std::uint32_t left = 0;
        for (const auto& each : pooler_.pools()) {
            each->pool->pause();
            each->pool->refuse_waiting(shutting_down());
            const pool_status now = each->pool->status();
            left += now.servers + now.connecting;
        }
        return left == 0;
    }

    static report shutting_down() {
        return {.severity = "FATAL", .sqlstate = "57P01", .message = "server shutting down"};
    }

    /// Those that have nothing open go at once, others when they have, if it `waits`.
    void stop(signal_set& signals, bool waits) {
        note(log_level::info, waits ? "got a signal, shutting down" : "shutting down");
        for (listener& each : listeners_) {
            each.close();
        }
        pooler_.begin_shutdown();
        const deadline end = longest_drain;
        while (waits && pooler_.clients.count() != 0 && !end.expired()) {
            send_home(false);
            bool again = false;
            (void)select(on_readable(signals, [&] { again = true; }), on_deadline(look_period));
            if (again) {
                break;
            }
        }
        for (const auto& each : pooler_.pools()) {
            each->pool->close(shutting_down());
        }
        send_home(true);
        admin_.close_consoles();
        while (pooler_.connections != 0) {
            (void)this_fiber::sleep_for(1ms);
            send_home(true);
            admin_.close_consoles();
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
    channel<shutdown_mode> requests_{16};
    administration admin_;
    mutex changing_;  // the configuration
    std::vector<listener> listeners_;
    std::vector<fiber> acceptors_;
    std::string unix_file_;
};

}  // namespace

int serve_pool(configuration_ptr config, const std::string& path, log& log_to) {
    const settings& general = config->config.general;
    dns::resolver_options lookups;
    lookups.longest_ttl = std::chrono::ceil<seconds>(general.dns_max_ttl);
    lookups.longest_negative_ttl = std::chrono::ceil<seconds>(general.dns_nxdomain_ttl);
    if (!general.resolv_conf.empty()) {
        lookups.resolv_conf = general.resolv_conf;
    }
    auto names = dns::resolver::create(lookups);
    if (!names) {
        log_to.write(log_level::fatal, "no names can be looked up: " + names.error().message());
        return 1;
    }
    return service(std::move(config), path, std::move(*names), log_to).run();
}

}  // namespace weft::pool
