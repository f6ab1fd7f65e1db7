// SPDX-License-Identifier: Apache-2.0
#include "tls/ticket_keys.h"

#include <openssl/rand.h>

#include <algorithm>

namespace weft::tls {

std::optional<ticket_key> ticket_keys::newest(base::nanoseconds_t now) noexcept {
    const base::spin_guard guard(lock_);
    const dated_key& first = keys_[0];
    return first.valid && now - first.made < lifetime ? std::optional(first.key) : std::nullopt;
}

std::optional<ticket_key> ticket_keys::current(base::nanoseconds_t now) noexcept {
    if (const auto key = newest(now)) {
        return key;
    }
    dated_key fresh{.key = {}, .made = now, .valid = true};
    ticket_key& key = fresh.key;
    if (RAND_bytes(key.name.data(), static_cast<int>(key.name.size())) != 1 ||
        RAND_priv_bytes(key.cipher.data(), static_cast<int>(key.cipher.size())) != 1 ||
        RAND_priv_bytes(key.mac.data(), static_cast<int>(key.mac.size())) != 1) {
        return std::nullopt;
    }
    const base::spin_guard guard(lock_);
    const bool somebody_was_faster = keys_[0].valid && now - keys_[0].made < lifetime;
    if (!somebody_was_faster) {
        keys_[1] = keys_[0];
        keys_[0] = fresh;
    }
    return keys_[0].key;
}

std::optional<ticket_keys::found> ticket_keys::find(const unsigned char* name,
                                                    base::nanoseconds_t now) noexcept {
    const base::spin_guard guard(lock_);
    for (const dated_key& known : keys_) {
        if (known.valid && now - known.made < 2 * lifetime &&
            std::equal(known.key.name.begin(), known.key.name.end(), name)) {
            return found{.key = known.key, .old = now - known.made >= lifetime};
        }
    }
    return std::nullopt;
}

}  // namespace weft::tls
