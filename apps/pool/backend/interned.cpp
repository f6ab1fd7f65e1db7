// SPDX-License-Identifier: Apache-2.0
#include "backend/interned.h"

#include <mutex>
#include <utility>

namespace weft::pool {

interned_ptr intern_table::intern(std::string_view bytes) {
    interned_ptr fresh;  // after the lock: its end takes it
    const std::lock_guard lock(mutex_);
    const auto found = known_.find(bytes);
    if (found != known_.end()) {
        if (interned_ptr held = found->second.lock()) {
            return held;
        }
        known_.erase(found);  // it is dying, and so is the key
    }
    fresh = interned_ptr(new interned{std::string(bytes), ++last_id_}, [this](const interned* p) {
        forget(*p);
        delete p;
    });
    known_.emplace(fresh->bytes, fresh);
    return fresh;
}

std::size_t intern_table::size() const {
    const std::lock_guard lock(mutex_);
    return known_.size();
}

void intern_table::forget(const interned& dying) noexcept {
    const std::lock_guard lock(mutex_);
    const auto found = known_.find(dying.bytes);
    // Another with the same bytes may have taken the place.
    if (found != known_.end() && found->first.data() == dying.bytes.data()) {
        known_.erase(found);
    }
}

}  // namespace weft::pool
