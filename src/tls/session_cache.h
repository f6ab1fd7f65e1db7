// SPDX-License-Identifier: Apache-2.0
//
// session_cache: the sessions that a client may resume, by the name of the server. Bounded: a new
// session takes the place of the oldest in its row.
//
// Thread safety: all methods, at the same time. They are called back from OpenSSL, so the lock is
// a spinlock, and nothing is allocated or freed under it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/spinlock.h"
#include "tls/openssl.h"

namespace weft::tls {

class session_cache {
public:
    /// At least `capacity` sessions; 0: it keeps none.
    explicit session_cache(std::size_t capacity);

    void put(std::string_view name, session_ptr session);

    /// The newest of that name, which leaves the cache; null if there is none.
    session_ptr take(std::string_view name);

    /// All of that name.
    void forget(std::string_view name) {
        while (take(name) != nullptr) {
        }
    }

private:
    static constexpr std::size_t row_size = 8;

    struct entry {
        std::string name;
        session_ptr session;
        std::uint64_t number = 0;  ///< 0: none
    };
    using entries = std::array<entry, row_size>;

    entries& row_of(std::string_view name) noexcept;

    base::spinlock lock_;
    std::vector<entries> rows_;  // entries: guarded by lock_
    std::uint64_t last_ = 0;     // guarded by lock_
};

}  // namespace weft::tls
