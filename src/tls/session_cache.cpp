// SPDX-License-Identifier: Apache-2.0
#include "tls/session_cache.h"

#include <algorithm>
#include <functional>
#include <utility>

namespace weft::tls {

session_cache::session_cache(std::size_t capacity) : rows_((capacity + row_size - 1) / row_size) {}

session_cache::entries& session_cache::row_of(std::string_view name) noexcept {
    return rows_[std::hash<std::string_view>()(name) % rows_.size()];
}

void session_cache::put(std::string_view name, session_ptr session) {
    if (rows_.empty()) {
        return;
    }
    entry fresh{.name = std::string(name), .session = std::move(session), .used = 0};
    entries& row = row_of(name);
    const base::spin_guard guard(lock_);
    fresh.used = ++uses_;
    // Those that were taken have used == 0.
    entry& oldest = *std::min_element(
        row.begin(), row.end(), [](const entry& a, const entry& b) { return a.used < b.used; });
    std::swap(oldest, fresh);  // what was there ends after the guard
}

session_ptr session_cache::take(std::string_view name) {
    if (rows_.empty()) {
        return nullptr;
    }
    entries& row = row_of(name);
    const base::spin_guard guard(lock_);
    entry* newest = nullptr;
    for (entry& e : row) {
        if (e.session != nullptr && e.name == name &&
            (newest == nullptr || e.used > newest->used)) {
            newest = &e;
        }
    }
    if (newest == nullptr) {
        return nullptr;
    }
    if (SSL_SESSION_get_protocol_version(newest->session.get()) >= TLS1_3_VERSION) {
        newest->used = 0;
        return std::move(newest->session);
    }
    newest->used = ++uses_;
    SSL_SESSION_up_ref(newest->session.get());
    return session_ptr(newest->session.get());
}

}  // namespace weft::tls
