// SPDX-License-Identifier: Apache-2.0
#include "handover/giver.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <span>
#include <utility>
#include <variant>

namespace weft::pool::handover {

namespace {

using namespace std::chrono_literals;

/// The other one reads all the time; if it does not, clients stay here.
constexpr auto longest_send = 10s;

std::uint64_t age_of(clock::time_point since) {
    const auto age =
        std::chrono::duration_cast<std::chrono::microseconds>(clock::now() - since).count();
    return static_cast<std::uint64_t>(std::max<std::int64_t>(age, 0));
}

}  // namespace

idle_client describe(const pooler& of, const client& who) {
    idle_client out{.database = who.pool->database_name,
                    .user = std::string(who.user()),
                    .application_name = std::string(who.application_name()),
                    .number = who.number,
                    .cancel_key = std::string(who.cancel_key()),
                    .connected_us = age_of(who.connected),
                    .active_us = age_of(who.active),
                    .parameters = {},
                    .settings = who.settings != nullptr ? who.settings->bytes : std::string(),
                    .statements = {},
                    .unread = std::string(who.in.unread())};
    const auto values = values_of(who.parameters, of.followed);
    for (std::size_t i = 0; i < values.size(); ++i) {
        if (values[i].data() != nullptr) {
            out.parameters.emplace_back(of.followed[i], values[i]);
        }
    }
    if (who.statements != nullptr) {
        for (const auto& [name, statement] : *who.statements) {
            out.statements.emplace_back(name, statement->bytes);
        }
    }
    return out;
}

giver::giver(pooler& from, std::shared_ptr<link> to) : from_(from), to_(std::move(to)) {}

giver::~giver() {
    from_.leaving.close();
    to_->close();
}

void giver::begin() {
    send_keys();
    from_.leaving.open([this](client& who) { return give(who); });
    hearer_ = fiber([this] { hear(); });
}

void giver::send_keys() {
    for (const auto& each : from_.pools()) {
        if (const auto keys = each->keys()) {
            (void)to_->send(
                pool_keys{.database = each->database_name, .user = each->user_name, .keys = *keys},
                longest_send);
        }
    }
}

bool giver::give(client& who) {
    const idle_client what = describe(from_, who);
    const std::array socket{who.io.raw().native_handle()};
    const auto sent = to_->send(what, socket, longest_send);
    if (!sent) {
        from_.logger.write(log_level::warning, "a client stays: " + sent.error());
        return false;
    }
    // Not closed only: while the other process has the socket this one would go on hearing of it.
    ::close(who.io.plain().release());
    return true;
}

/// Requests to cancel queries that came to the other process; then, that it has ended.
void giver::hear() {
    for (;;) {
        const auto got = to_->receive();
        if (!got) {
            from_.leaving.close();
            return;
        }
        if (const auto* const which = std::get_if<cancel>(&got->what)) {
            from_.cancel({.process = which->number, .key = which->key});
        }
    }
}

}  // namespace weft::pool::handover
