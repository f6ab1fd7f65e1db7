// SPDX-License-Identifier: Apache-2.0
#include "session/pin_board.h"

#include <mutex>

namespace weft::pool {

namespace {

/// Beyond so many, those that count nobody who is pinned now are added up.
constexpr std::size_t most_counters = 1000;

}  // namespace

void pin_board::place::put(pin_board& on, pin what) {
    if (board_ != nullptr) {
        return;
    }
    counter_ = {what.tenant, what.cause};
    client_id_ = what.client_id;
    const std::lock_guard lock(on.mutex_);
    if (on.counters_.size() >= most_counters && !on.counters_.contains(counter_)) {
        on.add_up();
    }
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

/// By cause, as of the tenant "(others)": tenants may be as many as there are names.
void pin_board::add_up() {
    std::map<std::string, std::uint64_t> totals;
    for (const auto& [of, each] : counters_) {
        if (each.now == 0) {
            totals[of.second] += each.total;
        }
    }
    for (const auto& [cause, total] : totals) {
        counters_[{"(others)", cause}];  // what may throw comes first
    }
    std::erase_if(counters_, [](const auto& each) {
        return each.second.now == 0 && each.first.first != "(others)";
    });
    for (const auto& [cause, total] : totals) {
        counters_.at({"(others)", cause}).total = total;
    }
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
