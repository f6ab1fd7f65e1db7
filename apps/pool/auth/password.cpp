// SPDX-License-Identifier: Apache-2.0
#include "auth/password.h"

#include "auth/digest.h"
#include "auth/md5.h"
#include "auth/scram_keys.h"

namespace weft::pool {

bool is_slow_to_check(const secret& stored) noexcept {
    return stored.kind() == secret_kind::scram;
}

bool check_password(std::string_view user, const secret& stored, std::string_view password) {
    if (password.empty()) {
        return false;
    }
    switch (stored.kind()) {
        case secret_kind::none:
            return false;
        case secret_kind::plain:
            // Hashes, so that the time does not depend on where or in length they differ.
            return equal_in_constant_time(bytes_of(sha256(stored.password())),
                                          bytes_of(sha256(password)));
        case secret_kind::md5: {
            const auto hashed = md5_secret_text(user, password);
            return hashed && equal_in_constant_time(*hashed, stored.md5());
        }
        case secret_kind::scram:
            break;
    }
    const scram_secret& expected = stored.scram();
    const auto keys = derive_scram_keys(password, {expected.salt, expected.iterations});
    return keys && equal_in_constant_time(bytes_of(stored_key_of(keys->client_key)),
                                          bytes_of(expected.stored_key));
}

}  // namespace weft::pool
