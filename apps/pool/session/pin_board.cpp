// SPDX-License-Identifier: Apache-2.0
#include "session/pin_board.h"

#include <mutex>

namespace weft::pool {

void pin_board::place::put(pin_board& on, pin what) {
    if (board_ != nullptr) {
        return;
    }
    counter_ = {what.tenant, what.cause};
    client_id_ = what.client_id;
    const std::lock_guard lock(on.mutex_);
    counter& of = on.counters_[counter_];
    if (on.pins_.emplace(client_id_, std::move(what)).second) {
        ++of.now;
        ++of.total;
        board_ = &on;
    }
}

void pin_board::place::clear() noexcept {
    if (board_ == nullptr) {
        return;
    }
    const std::lock_guard lock(board_->mutex_);
    board_->pins_.erase(client_id_);
    const auto found = board_->counters_.find(counter_);
    if (found != board_->counters_.end()) {
        --found->second.now;
    }
    board_ = nullptr;
}

void pin_board::visit(const std::function<void(const pin&)>& use) const {
    const std::lock_guard lock(mutex_);
    for (const auto& [id, each] : pins_) {
        use(each);
    }
}

void pin_board::visit_counters(
    const std::function<void(const std::string& tenant, const std::string& cause, const counter&)>&
        use) const {
    const std::lock_guard lock(mutex_);
    for (const auto& [of, each] : counters_) {
        use(of.first, of.second, each);
    }
}

}  // namespace weft::pool
