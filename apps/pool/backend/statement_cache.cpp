// SPDX-License-Identifier: Apache-2.0
#include "backend/statement_cache.h"

namespace weft::pool {

std::string server_name_of(const interned& statement) {
    return "weft_" + std::to_string(statement.id);
}

bool statement_cache::use(const interned& statement) {
    const auto found = known_.find(&statement);
    if (found == known_.end()) {
        return false;
    }
    order_.splice(order_.begin(), order_, found->second);
    return true;
}

void statement_cache::add(const statement_ptr& statement) {
    if (!use(*statement)) {
        order_.push_front(statement);
        known_.emplace(statement.get(), order_.begin());
        count_ = known_.size();
    }
}

void statement_cache::remove(const interned& statement) {
    const auto found = known_.find(&statement);
    if (found != known_.end()) {
        const statement_ptr last = *found->second;  // the argument may be what it holds
        order_.erase(found->second);
        known_.erase(found);
        count_ = known_.size();
    }
}

void statement_cache::clear() noexcept {
    known_.clear();
    order_.clear();
    count_ = 0;
}

}  // namespace weft::pool
