// SPDX-License-Identifier: Apache-2.0
#include "session/listening.h"

#include <memory>
#include <string>
#include <utility>

#include "backend/limit.h"
#include "session/pool_entry.h"
#include "sql/token.h"

namespace weft::pool {

namespace {

/// Names of encodings are written in many ways: "UTF8", "utf-8", "UNICODE".
std::string plain_name(std::string_view encoding) {
    std::string out;
    for (const char c : encoding) {
        if (const char small = lower(c); (small >= 'a' && small <= 'z') || (c >= '0' && c <= '9')) {
            out += small;
        }
    }
    return out == "unicode" ? "utf8" : out;
}

std::string encoding_of(const pooler& with, const client& who) {
    const auto index = with.followed.index_of("client_encoding");
    return plain_name(index ? values_of(who.parameters, with.followed)[*index]
                            : std::string_view());
}

}  // namespace

bool client_wishes::wish(std::string_view channel) {
    if (client_.hears != nullptr && client_.hears->has(channel)) {
        return true;
    }
    const bool fresh = client_.hears == nullptr;
    if (fresh) {
        client_.hears = std::make_shared<subscriber>();
    }
    if (client_.hears->count() < most_channels && subscribe(channel)) {
        return true;
    }
    if (fresh) {
        client_.hears = nullptr;
    }
    return false;
}

/// False also if what is notified would have to be converted to the client's encoding.
bool client_wishes::subscribe(std::string_view channel) {
    client_.hears->ask(channel);
    notification_listener& by = *client_.pool->listener;
    const hearing now = by.subscribe(
        client_.hears, channel,
        [&with = pooler_, of = client_.pool.get()] { return with.connect(*of); },
        within(pooler_.config()->config.general.server_connect_timeout));
    if (now == hearing::ended) {
        return true;  // it is told when the transaction is over
    }
    if (now == hearing::heard && plain_name(by.encoding()) == encoding_of(pooler_, client_)) {
        return true;
    }
    give_up(channel);
    return now == hearing::refused;  // the client's server will say so, too
}

void client_wishes::give_up(std::string_view channel) {
    client_.pool->listener->unsubscribe(*client_.hears, channel);
    client_.hears->forget(channel);
}

bool client_wishes::confirm(std::string_view channel) {
    return client_.hears != nullptr && client_.hears->confirm(channel);
}

bool client_wishes::confirm_again(std::string_view channel) {
    return client_.hears != nullptr && client_.hears->confirm_again(channel);
}

bool client_wishes::hears(std::string_view channel) const {
    return client_.hears != nullptr && client_.hears->hears(channel);
}

void client_wishes::drop(std::string_view channel) {
    if (client_.hears != nullptr) {
        client_.hears->drop(channel);
    }
}

void client_wishes::drop_all() {
    if (client_.hears != nullptr) {
        client_.hears->drop_all();
    }
}

void client_wishes::settle(bool rests) {
    if (client_.hears == nullptr) {
        return;
    }
    client_.hears->settle();
    if (!rests) {
        return;
    }
    for (const std::string& each : client_.hears->unconfirmed()) {
        give_up(each);
    }
    if (client_.hears->count() == 0) {
        client_.hears = nullptr;
    }
}

std::expected<std::string, report> take_notifications(const pooler& with, const client& whom) {
    auto out = whom.hears->take();
    if (!out) {
        return std::unexpected(std::move(out.error()));
    }
    if (!out->ascii && plain_name(whom.pool->listener->encoding()) != encoding_of(with, whom)) {
        return std::unexpected(fatal_report(
            "22P05", "a notification came that is not in the encoding which the client has now"));
    }
    return std::move(out->messages);
}

}  // namespace weft::pool
