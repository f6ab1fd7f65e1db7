// SPDX-License-Identifier: Apache-2.0
#include "service.h"

#include <malloc.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <expected>
#include <iterator>
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
#include "config/difference.h"
#include "config/setting_table.h"
#include "handover/gate.h"
#include "handover/giver.h"
#include "handover/taker.h"
#include "listeners.h"
#include "load_files.h"
#include "session/connection.h"
#include "status/pages.h"
#include "status/status_server.h"
#include "systemd.h"

namespace weft::pool {

namespace {

using namespace std::chrono_literals;

/// How often pools are looked after; charges and quotas are as fine as this.
constexpr auto look_period = 100ms;

/// How long stacks are kept for the next crowd.
constexpr auto trim_period = 1s;

/// So many clients less are worth a look through all of the allocator's memory.
constexpr std::uint64_t worth_a_trim = 1000;

/// For a process that takes over to serve.
constexpr auto handover_patience = 10s;

constexpr auto all_signals = {SIGINT, SIGTERM, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2};

class service {
public:
    service(configuration_ptr config, service_start start, dns::resolver names, log& log_to)
        : path_(start.path),
          start_(std::move(start)),
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
        signal_set signals(all_signals);
        if (!open()) {
            return 1;
        }
        // Whom it takes over from has these addresses until then.
        status_is_due_ = start_.takes_over;
        if (!status_is_due_) {
            if (const auto done = serve_status(); !done) {
                note(log_level::fatal, done.error());
                return 1;
            }
        }
        doors_.apply_tcp_settings(pooler_.config()->config.general);
        doors_.accept();
        if (!tell_that_it_serves()) {
            return 1;
        }
        fiber keeper([this](std::stop_token stop) { look_after(stop); });
        const std::optional<shutdown_mode> how = wait_for_end(signals);
        if (!how) {
            wait_until_handed_over(signals);
        } else {
            notify(manager_stopping());
            if (*how != shutdown_mode::now) {
                wait_until_unused(signals, *how);
            }
        }
        stop();
        return 0;
    }

private:
    void note(log_level level, const std::string& text) { pooler_.logger.write(level, text); }

    static void notify(const std::string& state) {
        blocking([&] { (void)notify_manager(state); });
    }

    bool open() {
        if (start_.takes_over) {
            return take_over();
        }
        return start_.passed.empty() ? doors_.bind(pooler_.config()->config.general)
                                     : doors_.adopt(std::exchange(start_.passed, {}));
    }

    bool take_over() {
        auto got = taker_.ask(handover_address());
        if (!got) {
            note(log_level::fatal, "cannot take over: " + got.error());
            return false;
        }
        if (!doors_.adopt(std::move(got->sockets))) {
            return false;
        }
        doors_.own_file(std::move(got->unix_file));
        return true;
    }

    [[nodiscard]] std::string handover_address() const {
        return path_.empty() ? "" : handover::address_for(pooler_.config()->config.general);
    }

    /// It accepts: now others may know.
    bool tell_that_it_serves() {
        if (start_.takes_over) {
            if (const auto told = taker_.serving(); !told) {
                note(log_level::fatal, "cannot take over: " + told.error());
                doors_.release();  // they are the other one's
                return false;
            }
        }
        if (const auto done =
                start_.started ? blocking(start_.started) : std::expected<void, std::string>();
            !done) {
            note(log_level::warning, done.error());
        }
        gate_.open(handover_address());
        notify(manager_ready());
        return true;
    }

    /// Metrics and the status page: at one address if it is the same.
    std::expected<void, std::string> serve_status() {
        const configuration_ptr config = pooler_.config();
        const settings& general = config->config.general;
        const bool together = general.metrics_listen == general.status_listen;
        auto done = serve_status_at(general.metrics_listen, {.metrics = true, .status = together});
        return !done || together ? done : serve_status_at(general.status_listen, {.status = true});
    }

    std::expected<void, std::string> serve_status_at(const std::string& address,
                                                     page_choice which) {
        if (address.empty()) {
            return {};
        }
        const auto where = parse_status_address(address);
        const auto got = where
                             ? status_.listen(*where, pooler_.config()->config.general.so_reuseport,
                                              pages(which, [this] { return admin_.view(); }))
                             : std::unexpected(where.error());
        if (!got) {
            return std::unexpected(got.error());
        }
        note(log_level::info, std::string(which.metrics ? "metrics" : "") +
                                  (which.metrics && which.status ? " and " : "") +
                                  (which.status ? "status page" : "") + " at " + got->to_string());
        return {};
    }

    void serve_status_if_due() {
        const std::lock_guard lock(status_mutex_);
        if (status_is_due_) {
            status_is_due_ = !serve_status();
            if (status_is_due_) {
                status_.stop();  // one of two may listen
            }
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
            pooler_.starter.try_again();
            admin_.look_after();
            serve_status_if_due();
            give_memory_back();
        }
    }

    /// What fibers have left goes back each second. Of many clients that have gone what lies
    /// between what others have is the allocator's to give, which does not by itself; when fibers
    /// and coroutines have given back theirs.
    void give_memory_back() {
        const std::uint64_t now = pooler_.connections;
        most_connections_ = std::max(most_connections_, now);
        if (most_connections_ - now >= worth_a_trim) {
            most_connections_ = now;
            trims_left_ = 3;
        }
        if (clock::now() - trimmed_ < trim_period) {
            return;
        }
        trimmed_ = clock::now();
        start_.trim();
        if (trims_left_ != 0 && --trims_left_ == 0) {
            blocking([] { ::malloc_trim(0); });
        }
    }

    /// Nothing: another process serves instead.
    std::optional<shutdown_mode> wait_for_end(signal_set& signals) {
        for (;;) {
            std::optional<shutdown_mode> asked;
            std::shared_ptr<handover::link> successor;
            (void)select(
                on_readable(signals, [&] { asked = obey(signals); }),
                on_receive(requests_, [&](auto mode) { asked = mode; }),
                on_receive(successors_, [&](auto next) { successor = next.value_or(nullptr); }));
            if (asked || (successor != nullptr && hand_over(successor))) {
                return asked;
            }
        }
    }

    /// The sockets; if the other process does not serve then, it is as if it had not asked.
    bool hand_over(const std::shared_ptr<handover::link>& to) {
        gate_.close();
        const std::string file = doors_.own_file();
        std::vector<unique_fd> open = doors_.release();
        std::vector<int> raw;
        std::ranges::transform(open, std::back_inserter(raw), &unique_fd::get);
        const auto logins = pooler_.connections - pooler_.clients.count();
        auto done = to->send(handover::doors{.count = static_cast<std::uint8_t>(open.size()),
                                             .unix_file = file,
                                             .numbers = pooler_.clients.highest() +
                                                        static_cast<std::uint32_t>(logins),
                                             .off = pooler_.off.what_lasts()},
                             raw, handover_patience);
        if (done) {
            const auto answer = to->receive(handover_patience);
            done = answer ? std::expected<void, std::string>() : std::unexpected(answer.error());
        }
        if (!done) {
            note(log_level::warning, "no process has taken over: " + done.error());
            (void)doors_.adopt(std::move(open));
            doors_.own_file(file);
            doors_.accept();
            gate_.open(handover_address());
            return false;
        }
        if (const auto process = to->check_peer()) {
            notify(manager_main_process(*process));
        }
        note(log_level::info, "another process has taken over");
        giver_.emplace(pooler_, to);
        giver_->begin();
        return true;
    }

    void stop_status() {
        const std::lock_guard lock(status_mutex_);
        status_is_due_ = false;
        status_.stop();
    }

    /// Clients leave as they idle; whoever stays is served to the end. A process from which this
    /// one has taken over may still send some.
    void wait_until_handed_over(signal_set& signals) {
        stop_status();
        bool again = false;
        while (!again && (taker_.goes_on() || pooler_.connections > admin_.consoles())) {
            pooler_.leaving.call(pooler_.clients);
            (void)select(
                on_readable(signals, [&] { again = obey(signals).has_value(); }),
                on_receive(requests_, [&](auto next) { again = next == shutdown_mode::now; }),
                on_deadline(look_period));
        }
    }

    /// What the next signal means, in PgBouncer's words: it is done, or the end that is asked for.
    std::optional<shutdown_mode> obey(signal_set& signals) {
        const auto came = signals.wait();
        if (!came) {
            return shutdown_mode::now;
        }
        switch (came->signal) {
            case SIGHUP:
                note(log_level::info, "got SIGHUP, re-reading config");
                (void)reload();
                return std::nullopt;
            case SIGUSR1:
                pause();
                return std::nullopt;
            case SIGUSR2:
                resume();
                return std::nullopt;
            case SIGTERM:
                note(log_level::info,
                     "got SIGTERM, shutting down, waiting for all clients disconnect");
                return shutdown_mode::wait_for_clients;
            case SIGINT:
                note(log_level::info, "got SIGINT, shutting down");
                return shutdown_mode::wait_for_servers;
            default:
                note(log_level::info, "got SIGQUIT, fast exit");
                return shutdown_mode::now;
        }
    }

    void pause() {
        if (!pooler_.off.stop_all(switches::mode::paused)) {
            note(log_level::info, "got SIGUSR1, but already paused/suspended");
            return;
        }
        note(log_level::info, "got SIGUSR1, pausing all activity");
        for (const auto& each : pooler_.pools()) {
            each->pause();
        }
    }

    void resume() {
        if (pooler_.refusing()) {
            note(log_level::info, "got SIGUSR2 while shutting down, ignoring");
            return;
        }
        const bool suspended = pooler_.off.state() == switches::mode::suspended;
        if (!pooler_.off.resume_all()) {
            note(log_level::info, "got SIGUSR2, but not paused/suspended");
            return;
        }
        note(log_level::info,
             std::string("got SIGUSR2, continuing from ") + (suspended ? "SUSPEND" : "PAUSE"));
        for (const auto& each : pooler_.pools()) {
            each->pool->resume();
        }
    }

    /// The manager hears of it, whoever has asked for it.
    std::expected<void, std::string> reload() {
        notify(manager_reloading());
        auto done = read_again();
        notify(manager_ready());
        return done;
    }

    std::expected<void, std::string> read_again() {
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
        doors_.apply_tcp_settings(pooler_.config()->config.general);
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
        doors_.apply_tcp_settings(pooler_.config()->config.general);
        return {};
    }

    /// Nobody comes any more but to the console, by a Unix socket; then, until no client is there,
    /// or none has a server. A signal that asks for an end, and the console's SHUTDOWN, end the
    /// wait.
    void wait_until_unused(signal_set& signals, shutdown_mode mode) {
        pooler_.refuse_clients();
        doors_.close_tcp();
        const bool for_servers = mode == shutdown_mode::wait_for_servers;
        if (for_servers) {
            (void)pooler_.off.stop_all(switches::mode::paused);
        }
        bool again = false;
        while (!again && !(for_servers ? pause_servers() : pooler_.clients.count() == 0)) {
            (void)select(
                on_readable(signals, [&] { again = obey(signals).has_value(); }),
                on_receive(requests_, [&](auto next) { again = next == shutdown_mode::now; }),
                on_deadline(look_period));
        }
    }

    /// Whether all servers are closed. Who waits for one is told that there will be none.
    bool pause_servers() {
        bool all_are = true;
        for (const auto& each : pooler_.pools()) {
            each->pause(shutting_down());
            each->pool->refuse_waiting(shutting_down());
            all_are = each->has_closed_all(shutting_down()) && all_are;
        }
        return all_are;
    }

    static report shutting_down() {
        return {.severity = "FATAL", .sqlstate = "57P01", .message = "server shutting down"};
    }

    /// Whatever clients do.
    void stop() {
        note(log_level::info, "shutting down");
        gate_.close();
        doors_.pause();
        taker_.stop();
        pooler_.begin_shutdown();
        for (const auto& each : pooler_.pools()) {
            each->close(shutting_down());
        }
        close_clients();
        while (pooler_.connections != 0) {
            (void)this_fiber::sleep_for(1ms);
            close_clients();
        }
        doors_.close();
        stop_status();
        note(log_level::info, "all clients have gone");
    }

    void close_clients() {
        pooler_.clients.visit([](client& who) { who.io.close(); });
        admin_.close_consoles();
    }

    const std::string path_;
    service_start start_;
    pooler pooler_;
    channel<shutdown_mode> requests_{16};
    administration admin_;
    mutex changing_;  // the configuration
    channel<std::shared_ptr<handover::link>> successors_{1};
    handover::gate gate_{pooler_.logger, [this](std::shared_ptr<handover::link> next) {
                             (void)successors_.try_send(std::move(next));
                         }};
    handover::taker taker_{pooler_};
    std::optional<handover::giver> giver_;
    listeners doors_{pooler_.logger, [this](socket s) { start(std::move(s)); }};
    status_server status_;
    std::uint64_t most_connections_ = 0;  // since memory was given back
    clock::time_point trimmed_;
    int trims_left_ = 0;  // until the allocator is to give memory back
    mutex status_mutex_;
    bool status_is_due_ = false;  // as soon as its addresses are free
};

}  // namespace

int serve_pool(configuration_ptr config, service_start start, log& log_to) {
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
    return service(std::move(config), std::move(start), std::move(*names), log_to).run();
}

}  // namespace weft::pool
