// SPDX-License-Identifier: Apache-2.0
//
// session_cache: the sessions that a client may resume, by the name of the server. Bounded: a new
// session takes the place of the one in its row that was used longest ago.
//
// TLS 1.3 asks clients to use a ticket once, so that nobody can tell that two connections are of
// one client: such a session leaves the cache when it is used, and servers send two for one. One of
// TLS 1.2 stays.
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

    /// Null if there is none that can be resumed.
    session_ptr take(std::string_view name);

private:
    static constexpr std::size_t row_size = 8;

    struct entry {
        std::string name;
        session_ptr session;
        std::uint64_t used = 0;
    };
    using entries = std::array<entry, row_size>;

    entries& row_of(std::string_view name) noexcept;

    base::spinlock lock_;
    std::vector<entries> rows_;  // entries: guarded by lock_
    std::uint64_t uses_ = 0;     // guarded by lock_
};

}  // namespace weft::tls
