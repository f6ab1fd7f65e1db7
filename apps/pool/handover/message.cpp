// SPDX-License-Identifier: Apache-2.0
#include "handover/message.h"

#include <algorithm>

#include "wire/bytes.h"

namespace weft::pool::handover {

namespace {

using pairs = std::vector<std::pair<std::string, std::string>>;

template <class... Overloads>
struct overloaded : Overloads... {
    using Overloads::operator()...;
};

/// Texts may hold anything, zero bytes too.
void put(std::string& out, std::string_view bytes) {
    put_u32(out, static_cast<std::uint32_t>(bytes.size()));
    out += bytes;
}

void put(std::string& out, const pairs& all) {
    put_u32(out, static_cast<std::uint32_t>(all.size()));
    for (const auto& [name, value] : all) {
        put(out, name);
        put(out, value);
    }
}

void put(std::string& out, const std::vector<std::string>& all) {
    put_u32(out, static_cast<std::uint32_t>(all.size()));
    for (const std::string& each : all) {
        put(out, each);
    }
}

void put(std::string& out, std::uint64_t value) {
    put_u32(out, static_cast<std::uint32_t>(value >> 32));
    put_u32(out, static_cast<std::uint32_t>(value));
}

void put(std::string& out, const scram_key& key) {
    out.append(reinterpret_cast<const char*>(key.data()), key.size());
}

std::string read_text(byte_reader& from) {
    return std::string(from.bytes(from.u32()));
}

// What is told is not believed before it is there: no memory is reserved for it.

std::vector<std::string> read_texts(byte_reader& from) {
    std::vector<std::string> out;
    for (std::uint32_t left = from.u32(); left > 0 && from.ok(); --left) {
        out.push_back(read_text(from));
    }
    return out;
}

pairs read_pairs(byte_reader& from) {
    pairs out;
    for (std::uint32_t left = from.u32(); left > 0 && from.ok(); --left) {
        std::string name = read_text(from);
        out.emplace_back(std::move(name), read_text(from));
    }
    return out;
}

std::uint64_t read_u64(byte_reader& from) {
    const std::uint64_t high = from.u32();
    return high << 32 | from.u32();
}

scram_key read_key(byte_reader& from) {
    scram_key out{};
    // Nothing, if they are not there.
    std::ranges::copy(from.bytes(out.size()), reinterpret_cast<char*>(out.data()));
    return out;
}

pool_keys read_pool_keys(byte_reader& from) {
    pool_keys out;
    out.database = read_text(from);
    out.user = read_text(from);
    out.keys.challenge.salt = read_text(from);
    out.keys.challenge.iterations = from.u32();
    out.keys.client_key = read_key(from);
    out.keys.server_key = read_key(from);
    return out;
}

idle_client read_client(byte_reader& from) {
    idle_client out;
    out.database = read_text(from);
    out.user = read_text(from);
    out.application_name = read_text(from);
    out.number = from.u32();
    out.cancel_key = read_text(from);
    out.connected_us = read_u64(from);
    out.active_us = read_u64(from);
    out.parameters = read_pairs(from);
    out.settings = read_text(from);
    out.statements = read_pairs(from);
    out.unread = read_text(from);
    return out;
}

void put_client(std::string& out, const idle_client& who) {
    put(out, who.database);
    put(out, who.user);
    put(out, who.application_name);
    put_u32(out, who.number);
    put(out, who.cancel_key);
    put(out, who.connected_us);
    put(out, who.active_us);
    put(out, who.parameters);
    put(out, who.settings);
    put(out, who.statements);
    put(out, who.unread);
}

void put_keys(std::string& out, const pool_keys& keys) {
    put(out, keys.database);
    put(out, keys.user);
    put(out, keys.keys.challenge.salt);
    put_u32(out, keys.keys.challenge.iterations);
    put(out, keys.keys.client_key);
    put(out, keys.keys.server_key);
}

std::unexpected<std::string> invalid(const char* what) {
    return std::unexpected(std::string("invalid message: ") + what);
}

/// What is within its fields.
std::expected<message, std::string> check(message read) {
    if (const auto* const open = std::get_if<doors>(&read)) {
        if (open->count == 0 || open->numbers > most_numbers) {
            return invalid("doors");
        }
    } else if (const auto* const who = std::get_if<idle_client>(&read)) {
        const auto has_zero = [](const std::string& text) {
            return text.find('\0') != std::string::npos;
        };
        const std::string& set = who->settings;
        const bool settings_end =
            set.empty() || (set.back() == '\0' && std::ranges::count(set, '\0') % 2 == 0);
        const std::size_t key = who->cancel_key.size();
        if (who->number == 0 || who->number > most_numbers || (key != 4 && key != 32) ||
            who->user.empty() || !settings_end || has_zero(who->user) ||
            has_zero(who->application_name) ||
            std::ranges::any_of(who->parameters,
                                [&](const auto& each) { return has_zero(each.second); })) {
            return invalid("client");
        }
    }
    return read;
}

}  // namespace

std::size_t descriptors_of(const message& what) noexcept {
    if (const auto* const open = std::get_if<doors>(&what)) {
        return open->count;
    }
    return std::holds_alternative<idle_client>(what) ? 1 : 0;
}

std::string encode(const message& what) {
    std::string out(4, '\0');
    std::visit(overloaded{[&](const hello& m) {
                              out += 'h';
                              put_u32(out, m.version);
                          },
                          [&](const refusal& m) {
                              out += 'r';
                              put(out, m.why);
                          },
                          [&](const doors& m) {
                              out += 'd';
                              out += static_cast<char>(m.count);
                              put(out, m.unix_file);
                              put_u32(out, m.numbers);
                              out += m.off.all_paused ? '\1' : '\0';
                              put(out, m.off.paused);
                              put(out, m.off.disabled);
                          },
                          [&](const serving&) { out += 's'; },
                          [&](const pool_keys& m) {
                              out += 'k';
                              put_keys(out, m);
                          },
                          [&](const idle_client& m) {
                              out += 'c';
                              put_client(out, m);
                          },
                          [&](const cancel& m) {
                              out += 'x';
                              put_u32(out, m.number);
                              put(out, m.key);
                          }},
               what);
    std::string length;
    put_u32(length, static_cast<std::uint32_t>(out.size() - 4));
    out.replace(0, 4, length);
    return out;
}

std::expected<std::uint32_t, std::string> length_of(std::string_view bytes) {
    const std::uint32_t length = u32_at(bytes.data());
    if (length == 0 || length > longest_message) {
        return invalid("length");
    }
    return length;
}

std::expected<message, std::string> decode(std::string_view body) {
    byte_reader from(body);
    message out;
    switch (static_cast<char>(from.u8())) {
        case 'h':
            out = hello{.version = from.u32()};
            // What a newer one says behind it is its own.
            return from.ok() ? std::expected<message, std::string>(out) : invalid("hello");
        case 'r':
            out = refusal{.why = read_text(from)};
            break;
        case 'd': {
            doors open;
            open.count = from.u8();
            open.unix_file = read_text(from);
            open.numbers = from.u32();
            const auto all_paused = from.u8();
            if (all_paused > 1) {
                return invalid("doors");
            }
            open.off.all_paused = all_paused == 1;
            open.off.paused = read_texts(from);
            open.off.disabled = read_texts(from);
            out = std::move(open);
            break;
        }
        case 's':
            out = serving();
            break;
        case 'k':
            out = read_pool_keys(from);
            break;
        case 'c':
            out = read_client(from);
            break;
        case 'x': {
            cancel which;
            which.number = from.u32();
            which.key = read_text(from);
            out = std::move(which);
            break;
        }
        default:
            return invalid("kind");
    }
    return from.complete() ? check(std::move(out)) : invalid("size");
}

}  // namespace weft::pool::handover
