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
    entry fresh{.name = std::string(name), .session = std::move(session), .number = 0};
    entries& row = row_of(name);
    const base::spin_guard guard(lock_);
    fresh.number = ++last_;
    entry& oldest = *std::min_element(
        row.begin(), row.end(), [](const entry& a, const entry& b) { return a.number < b.number; });
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
            (newest == nullptr || e.number > newest->number)) {
            newest = &e;
        }
    }
    if (newest == nullptr) {
        return nullptr;
    }
    newest->number = 0;
    return std::move(newest->session);
}

}  // namespace weft::tls
