// SPDX-License-Identifier: Apache-2.0
//
// What is stored about a user's password: in PostgreSQL's pg_authid.rolpassword, PgBouncer's
// userlist.txt or a configuration. Values; const methods from any thread.
//
// Nothing here prints a secret: a stream gets the kind alone, and there is no formatter. The texts
// that hold one are asked for by name.
#pragma once

#include <array>
#include <cstdint>
#include <iosfwd>
#include <string>
#include <string_view>
#include <variant>

namespace weft::pool {

using scram_key = std::array<unsigned char, 32>;

/// What a server of SCRAM-SHA-256 keeps (RFC 5803): enough to check a client, not to be one.
struct scram_secret {
    std::uint32_t iterations = 0;  ///< 1 to 2^31 - 1
    std::string salt;              ///< bytes, not Base64; at least one
    scram_key stored_key = {};
    scram_key server_key = {};

    bool operator==(const scram_secret&) const = default;
};

/// Longer secrets are not one: PgBouncer's bound.
inline constexpr std::size_t longest_secret = 65'530;

enum class secret_kind : std::uint8_t { none, plain, md5, scram };

class secret {
public:
    secret() = default;
    explicit secret(scram_secret value) : value_(std::move(value)) {}

    /// "md5" and 32 digits, "SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey", or else a plain
    /// password, even one that almost looks like those. Empty: none.
    static secret parse(std::string text);

    [[nodiscard]] secret_kind kind() const noexcept;

    /// Of kind plain.
    [[nodiscard]] const std::string& password() const;
    /// Of kind md5: "md5" and 32 digits.
    [[nodiscard]] const std::string& md5() const;
    /// Of kind scram.
    [[nodiscard]] const scram_secret& scram() const;

    /// What parse() reads as this. Not for logs.
    [[nodiscard]] std::string stored_text() const;

    bool operator==(const secret&) const = default;

private:
    struct md5_text {
        std::string text;
        bool operator==(const md5_text&) const = default;
    };

    std::variant<std::monostate, std::string, md5_text, scram_secret> value_;
};

/// "none", "plain", "md5", "scram"
std::string_view name_of(secret_kind kind) noexcept;

/// The kind alone.
std::ostream& operator<<(std::ostream& out, const secret& value);

}  // namespace weft::pool
