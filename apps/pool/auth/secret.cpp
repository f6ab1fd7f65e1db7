// SPDX-License-Identifier: Apache-2.0
#include "auth/secret.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <optional>
#include <ostream>
#include <utility>

#include "auth/digest.h"

namespace weft::pool {

namespace {

constexpr std::string_view scram_prefix = "SCRAM-SHA-256$";
constexpr std::string_view md5_prefix = "md5";
constexpr std::size_t md5_size = 35;

bool looks_like_md5(std::string_view text) {
    return text.size() == md5_size && text.starts_with(md5_prefix) &&
           text.find_first_not_of("0123456789abcdef", md5_prefix.size()) == std::string_view::npos;
}

/// What comes before `end`, which is taken away, too. Nothing without it.
std::optional<std::string_view> take_until(std::string_view& text, char end) {
    const std::size_t size = text.find(end);
    if (size == std::string_view::npos) {
        return std::nullopt;
    }
    const std::string_view part = text.substr(0, size);
    text.remove_prefix(size + 1);
    return part;
}

std::optional<std::uint32_t> parse_iterations(std::string_view text) {
    std::uint32_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    // PostgreSQL keeps it in an int.
    constexpr std::uint32_t most = std::numeric_limits<std::int32_t>::max();
    if (error != std::errc() || end != text.data() + text.size() || value < 1 || value > most) {
        return std::nullopt;
    }
    return value;
}

std::optional<scram_key> parse_key(std::string_view text) {
    const auto bytes = from_base64(text);
    scram_key key;
    if (!bytes || bytes->size() != key.size()) {
        return std::nullopt;
    }
    std::ranges::copy(*bytes, key.begin());
    return key;
}

std::optional<scram_secret> parse_scram(std::string_view text) {
    if (!text.starts_with(scram_prefix)) {
        return std::nullopt;
    }
    text.remove_prefix(scram_prefix.size());
    const auto iterations = take_until(text, ':');
    const auto salt = take_until(text, '$');
    const auto stored_key = take_until(text, ':');
    if (!iterations || !salt || !stored_key) {
        return std::nullopt;
    }
    const auto count = parse_iterations(*iterations);
    auto salt_bytes = from_base64(*salt);
    const auto stored = parse_key(*stored_key);
    const auto server = parse_key(text);
    if (!count || !salt_bytes || salt_bytes->empty() || !stored || !server) {
        return std::nullopt;
    }
    return scram_secret{*count, std::move(*salt_bytes), *stored, *server};
}

}  // namespace

secret secret::parse(std::string text) {
    secret parsed;
    if (text.empty()) {
        return parsed;
    }
    if (looks_like_md5(text)) {
        parsed.value_.emplace<md5_text>(std::move(text));
    } else if (auto scram = parse_scram(text)) {
        parsed.value_.emplace<scram_secret>(std::move(*scram));
    } else {
        parsed.value_.emplace<std::string>(std::move(text));
    }
    return parsed;
}

secret_kind secret::kind() const noexcept {
    return static_cast<secret_kind>(value_.index());
}

const std::string& secret::password() const {
    return std::get<std::string>(value_);
}

const std::string& secret::md5() const {
    return std::get<md5_text>(value_).text;
}

const scram_secret& secret::scram() const {
    return std::get<scram_secret>(value_);
}

std::string secret::stored_text() const {
    switch (kind()) {
        case secret_kind::none:
            return {};
        case secret_kind::plain:
            return password();
        case secret_kind::md5:
            return md5();
        case secret_kind::scram:
            break;
    }
    const scram_secret& keys = scram();
    std::string text(scram_prefix);
    text += std::to_string(keys.iterations) + ':' + to_base64(keys.salt);
    text += '$' + to_base64(bytes_of(keys.stored_key)) + ':' + to_base64(bytes_of(keys.server_key));
    return text;
}

std::string_view name_of(secret_kind kind) noexcept {
    constexpr std::string_view names[] = {"none", "plain", "md5", "scram"};
    return names[static_cast<std::size_t>(kind)];
}

std::ostream& operator<<(std::ostream& out, const secret& value) {
    return out << "secret of kind " << name_of(value.kind());
}

}  // namespace weft::pool
