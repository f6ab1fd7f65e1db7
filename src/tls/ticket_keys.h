// SPDX-License-Identifier: Apache-2.0
//
// ticket_keys: what a server encrypts the tickets with by which clients resume. OpenSSL's own keys
// stay the same as long as the SSL_CTX lives: who gets hold of them can read all TLS 1.2
// connections of that time. These change each 12 hours; those before are known for another 12.
//
// Thread safety: all methods, at the same time. The lock is a spinlock, since it is taken in calls
// back from OpenSSL; keys are made, and used, outside of it.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "base/clock.h"
#include "base/spinlock.h"
#include "base/thread_annotations.h"

namespace weft::tls {

struct ticket_key {
    std::array<unsigned char, 16> name{};  ///< in clear in each ticket
    std::array<unsigned char, 32> cipher{};
    std::array<unsigned char, 32> mac{};
};

class ticket_keys {
public:
    static constexpr base::nanoseconds_t lifetime = 12 * 3'600 * base::nanoseconds_t{1'000'000'000};

    /// The one to encrypt with now. None if OpenSSL has no random numbers.
    std::optional<ticket_key> current(base::nanoseconds_t now) noexcept;

    struct found {
        ticket_key key;
        bool old;  ///< the client should get a new ticket
    };
    /// The one of that name, if it is still known.
    std::optional<found> find(const unsigned char* name, base::nanoseconds_t now) noexcept;

private:
    struct dated_key {
        ticket_key key;
        base::nanoseconds_t made = 0;
        bool valid = false;
    };

    /// The newest, if it is of use still.
    std::optional<ticket_key> newest(base::nanoseconds_t now) noexcept;

    base::spinlock lock_;
    std::array<dated_key, 2> keys_ WEFT_GUARDED_BY(lock_);  // the newer one first
};

}  // namespace weft::tls
