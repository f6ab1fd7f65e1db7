// SPDX-License-Identifier: Apache-2.0
#include "handover/taker.h"

#include <algorithm>
#include <chrono>
#include <new>
#include <span>
#include <utility>
#include <variant>

#include "backend/limit.h"
#include "session/connection.h"
#include "wire/build.h"

namespace weft::pool::handover {

namespace {

using namespace std::chrono_literals;

/// For each step of the other process.
constexpr auto patience = 10s;

clock::time_point before(std::uint64_t us) {
    constexpr std::uint64_t longest = std::uint64_t{1} << 50;  // 35 years
    return clock::now() - std::chrono::microseconds(std::min(us, longest));
}

/// The set of parameters as this process follows them.
parameter_set parameters_of(pooler& of, const idle_client& what) {
    std::vector<std::string_view> values(of.followed.count());
    for (const auto& [name, value] : what.parameters) {
        if (const auto index = of.followed.index_of(name)) {
            values[*index] = value;
        }  // else it goes into the journal
    }
    return make_set(of.sets, values);
}

std::unique_ptr<client> client_of(pooler& of, const idle_client& what, socket connected) {
    const configuration_ptr config = of.config();
    auto who = std::make_unique<client>();
    who->counted = counted_connection(of.connections);
    who->io = transport(std::move(connected));
    who->pool = of.pool_for(*config, what.database, what.user);
    const auto place = pooler::place_of(*config, what.database, what.user, what.application_name);
    who->names = of.sets.intern(what.user + '\0' + what.application_name + '\0');
    who->parameters = parameters_of(of, what);
    if (!what.settings.empty()) {
        who->settings = of.sets.intern(what.settings);
    }
    for (const auto& [name, value] : what.parameters) {
        if (!of.followed.index_of(name)) {
            who->settings = with_setting(of.sets, who->settings, name, sql_to_set_one(name, value));
        }
    }
    if (!what.statements.empty()) {
        who->statements = std::make_unique<client_statements>();
        for (const auto& [name, statement] : what.statements) {
            who->statements->emplace(name, of.statements.intern(statement));
        }
        who->prepared = static_cast<std::uint32_t>(what.statements.size());
    }
    who->connected = before(what.connected_us);
    who->active = before(what.active_us);
    who->mode = mode_for(config->config, what.database, what.user);
    who->number = what.number;
    who->key_size = static_cast<std::uint8_t>(what.cancel_key.size());
    what.cancel_key.copy(who->key.data(), who->key.size());
    if (!what.unread.empty()) {
        who->in.push_front(what.unread);
    }
    who->pool->pool->enter(who->place, place.name, place.rule);
    return who;
}

}  // namespace

taker::~taker() {
    stop();
}

std::expected<taker::open_doors, std::string> taker::ask(const std::string& address) {
    if (address.empty()) {
        return std::unexpected(std::string("without unix_socket_dir no process can be taken over"));
    }
    auto opened = link::open(address, patience);
    if (!opened) {
        return std::unexpected(opened.error());
    }
    if (const auto peer = (*opened)->check_peer(); !peer) {
        return std::unexpected(peer.error());
    }
    if (const auto sent = (*opened)->send(hello(), patience); !sent) {
        return std::unexpected(sent.error());
    }
    auto answer = (*opened)->receive(patience);
    if (!answer) {
        return std::unexpected(answer.error());
    }
    if (const auto* const why = std::get_if<refusal>(&answer->what)) {
        return std::unexpected(why->why);
    }
    const auto* const open = std::get_if<doors>(&answer->what);
    if (open == nullptr) {
        return std::unexpected(std::string("the running process says something else"));
    }
    into_.clients.reserve(open->numbers);
    into_.off.begin_with(open->off);
    from_ = std::move(*opened);
    into_.cancel_elsewhere = [this](const cancel_request& which) {
        (void)from_->send(cancel{.number = which.process, .key = which.key}, patience);
    };
    return open_doors{.sockets = std::move(answer->descriptors), .unix_file = open->unix_file};
}

std::expected<void, std::string> taker::serving() {
    if (auto sent = from_->send(handover::serving(), patience); !sent) {
        return sent;
    }
    hearing_ = true;
    hearer_ = fiber([this] {
        try {
            hear();
        } catch (const std::bad_alloc&) {
            // What follows says that it has ended.
        }
        from_->close();  // the other one keeps the clients that it has not sent yet
        hearing_ = false;
    });
    return {};
}

void taker::stop() {
    if (from_ != nullptr) {
        from_->close();
        hearer_ = fiber();
    }
}

void taker::hear() {
    for (;;) {
        auto got = from_->receive();
        if (!got) {
            into_.logger.write(log_level::info, "taking over has ended: " + got.error());
            return;
        }
        if (auto* const who = std::get_if<idle_client>(&got->what)) {
            try {
                take(std::move(*who), std::move(got->descriptors.front()));
            } catch (const std::bad_alloc&) {
                into_.logger.write(log_level::error, "a client was lost: out of memory");
            }
        } else if (const auto* const keys = std::get_if<pool_keys>(&got->what)) {
            const configuration_ptr config = into_.config();
            if (find_database(config->config, keys->database) != nullptr) {
                into_.pool_for(*config, keys->database, keys->user)->set_keys(keys->keys);
            }
        }
    }
}

void taker::take(idle_client what, unique_fd connection) {
    auto connected = socket::from_native(connection.get());
    if (!connected) {
        into_.logger.write(log_level::error, "a client was lost: " + connected.error().message());
        return;
    }
    (void)connection.release();
    const configuration_ptr config = into_.config();
    if (find_database(config->config, what.database) == nullptr) {
        std::string out;
        put_error(out, fatal_report("3D000", "no such database: " + what.database));
        (void)connected->write(std::as_bytes(std::span(out)), 100ms);
        return;
    }
    auto who = client_of(into_, what, std::move(*connected));
    into_.clients.add_known(*who);
    into_.starter.start(
        {}, [this, w = std::move(who)]() mutable { resume_client(into_, std::move(w)); });
}

}  // namespace weft::pool::handover
