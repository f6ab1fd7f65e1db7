// SPDX-License-Identifier: Apache-2.0
//
// PostgreSQL's md5 login: the server sends four bytes of salt, the client answers
// "md5" + hex(md5(hex(md5(password + user)) + salt)). Pure functions: any thread.
//
// OpenSSL has no MD5 where it is restricted to FIPS; then there is no answer, and no answer is
// right.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "auth/secret.h"

namespace weft::pool {

using md5_salt = std::array<unsigned char, 4>;

/// As PostgreSQL stores it: "md5" + hex(md5(password + user)).
std::optional<std::string> md5_secret_text(std::string_view user, std::string_view password);

/// What a client sends. Nothing for a secret that gives none: of kind none or scram.
std::optional<std::string> md5_answer(std::string_view user, const secret& stored, md5_salt salt);

/// Whether a client's answer is right. As long for a wrong one as for a right one.
bool check_md5_answer(std::string_view user, const secret& stored, md5_salt salt,
                      std::string_view answer);

}  // namespace weft::pool
