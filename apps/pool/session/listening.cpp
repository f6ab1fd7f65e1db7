// SPDX-License-Identifier: Apache-2.0
#include "session/listening.h"

#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include "backend/limit.h"
#include "session/pool_entry.h"

namespace weft::pool {

namespace {

using namespace std::chrono_literals;

/// A client that takes nothing for so long is taken for dead.
constexpr auto longest_tell = 60s;

/// Names of encodings are written in many ways: "UTF8", "utf-8", "UNICODE".
std::string plain_name(std::string_view encoding) {
    std::string out;
    for (const char c : encoding) {
        if (c >= 'A' && c <= 'Z') {
            out += static_cast<char>(c - 'A' + 'a');
        } else if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) {
            out += c;
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
    if (has(channel)) {
        return true;
    }
    const bool fresh = client_.hears == nullptr;
    if (fresh) {
        client_.hears = std::make_shared<subscriber>();
    }
    if (client_.hears->channels().size() < most_channels && subscribe(channel)) {
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
    const auto heard = by.subscribe(
        client_.hears, channel, [&with = pooler_, of = client_.pool] { return with.connect(*of); },
        within(pooler_.config()->config.general.server_connect_timeout));
    if (heard && plain_name(*heard) == encoding_of(pooler_, client_)) {
        client_.hears->set_encoding(plain_name(*heard));
        return true;
    }
    if (heard) {
        by.unsubscribe(*client_.hears, channel);
    }
    client_.hears->forget(channel);
    return false;
}

bool client_wishes::confirm(std::string_view channel) {
    return client_.hears != nullptr && client_.hears->confirm(channel);
}

bool client_wishes::has(std::string_view channel) const {
    return client_.hears != nullptr && client_.hears->has(channel);
}

void client_wishes::drop(std::string_view channel) {
    if (has(channel)) {
        client_.pool->listener->unsubscribe(*client_.hears, channel);
        client_.hears->forget(channel);
    }
}

void client_wishes::drop_all() {
    if (client_.hears != nullptr) {
        client_.pool->listener->leave(*client_.hears);
        client_.hears = nullptr;
    }
}

void client_wishes::drop_unconfirmed() {
    if (client_.hears == nullptr) {
        return;
    }
    for (const std::string& each : client_.hears->unconfirmed()) {
        drop(each);
    }
    if (client_.hears->channels().empty()) {
        client_.hears = nullptr;
    }
}

std::expected<void, report> tell_notifications(const pooler& with, client& whom) {
    const auto out = whom.hears->take();
    if (!out) {
        return std::unexpected(out.error());
    }
    if (out->messages.empty()) {
        return {};
    }
    if (!out->ascii && whom.hears->encoding() != encoding_of(with, whom)) {
        return std::unexpected(fatal_report(
            "22P05", "a notification came that is not in the encoding which the client has now"));
    }
    if (!whom.io.write(out->messages, longest_tell)) {
        return std::unexpected(report());
    }
    return {};
}

}  // namespace weft::pool
