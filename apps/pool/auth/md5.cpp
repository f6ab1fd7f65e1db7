// SPDX-License-Identifier: Apache-2.0
#include "auth/md5.h"

#include "auth/digest.h"

namespace weft::pool {

std::optional<std::string> md5_secret_text(std::string_view user, std::string_view password) {
    std::string hashed(password);
    hashed += user;
    auto digits = md5_digits(hashed);
    if (digits) {
        digits->insert(0, "md5");
    }
    return digits;
}

std::optional<std::string> md5_answer(std::string_view user, const secret& stored, md5_salt salt) {
    std::optional<std::string> inner;
    if (stored.kind() == secret_kind::plain) {
        inner = md5_secret_text(user, stored.password());
    } else if (stored.kind() == secret_kind::md5) {
        inner = stored.md5();
    }
    if (!inner) {
        return std::nullopt;
    }
    inner->erase(0, 3);  // "md5"
    *inner += bytes_of(salt);
    auto digits = md5_digits(*inner);
    if (digits) {
        digits->insert(0, "md5");
    }
    return digits;
}

bool check_md5_answer(std::string_view user, const secret& stored, md5_salt salt,
                      std::string_view answer) {
    const auto expected = md5_answer(user, stored, salt);
    return expected && equal_in_constant_time(*expected, answer);
}

}  // namespace weft::pool
