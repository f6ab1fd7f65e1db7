// SPDX-License-Identifier: Apache-2.0
#include "backend/connection_budget.h"

#include <algorithm>
#include <limits>
#include <mutex>

namespace weft::pool {

namespace {

using namespace std::chrono_literals;

constexpr std::chrono::nanoseconds usual_protection = 1s;

/// A pool closes a server for another only if it has had so much more: a connection costs some
/// milliseconds of work.
constexpr std::int64_t worth_a_connection_ns = 10'000'000;

}  // namespace

connection_budget::account* connection_budget::find(const member& who) {
    const auto found = std::ranges::find(accounts_, &who, &account::who);
    return found != accounts_.end() ? &*found : nullptr;
}

void connection_budget::join(member& who) {
    const std::lock_guard lock(mutex_);
    accounts_.push_back({.who = &who});
    accounts_.back().virtual_ns = least_active(accounts_.back());
}

void connection_budget::leave(member& who) {
    const std::lock_guard lock(mutex_);
    std::erase_if(accounts_, [&](const account& each) { return each.who == &who; });
}

void connection_budget::set_limit(int limit) {
    const std::lock_guard lock(mutex_);
    limit_ = limit;
}

/// The least virtual time of those that have or want servers.
std::int64_t connection_budget::least_active(const account& but) const {
    std::int64_t least = std::numeric_limits<std::int64_t>::max();
    for (const account& each : accounts_) {
        if (each.who != but.who && (each.wants || each.servers != 0)) {
            least = std::min(least, each.virtual_ns);
        }
    }
    return least != std::numeric_limits<std::int64_t>::max() ? least : but.virtual_ns;
}

const connection_budget::account* connection_budget::neediest() const {
    const account* out = nullptr;
    for (const account& each : accounts_) {
        if (each.wants && (out == nullptr || each.virtual_ns < out->virtual_ns)) {
            out = &each;
        }
    }
    return out;
}

bool connection_budget::take(member& who) {
    const std::lock_guard lock(mutex_);
    account& mine = *find(who);
    if (!mine.wants && mine.servers == 0) {
        mine.virtual_ns = std::max(mine.virtual_ns, least_active(mine));
    }
    mine.wants = true;
    if (limit_ != 0 && used_ >= limit_) {
        return false;
    }
    if (limit_ != 0 && used_ + 1 == limit_ && neediest() != &mine) {
        return false;  // the last one is for another
    }
    mine.wants = false;
    ++mine.servers;
    ++used_;
    return true;
}

void connection_budget::give_back(member& who) {
    const std::lock_guard lock(mutex_);
    --find(who)->servers;
    --used_;
}

void connection_budget::content(member& who) {
    const std::lock_guard lock(mutex_);
    find(who)->wants = false;
}

void connection_budget::charge(member& who, std::int64_t ns) {
    if (limit_.load(std::memory_order_relaxed) == 0) {
        return;
    }
    const std::lock_guard lock(mutex_);
    find(who)->virtual_ns += ns;
}

bool connection_budget::should_yield(const member& who) const {
    if (limit_.load(std::memory_order_relaxed) == 0) {
        return false;
    }
    const std::lock_guard lock(mutex_);
    const account* const first = neediest();
    if (first == nullptr || first->who == &who || used_ < limit_) {
        return false;
    }
    const auto mine = std::ranges::find(accounts_, &who, &account::who);
    return mine->virtual_ns - first->virtual_ns > worth_a_connection_ns || first->servers == 0;
}

bool connection_budget::evict_for(const member& who) {
    struct candidate {
        member* of;
        std::chrono::nanoseconds protection;
    };
    std::vector<candidate> candidates;
    {
        const std::lock_guard lock(mutex_);
        std::ptrdiff_t active = 0;
        for (const account& each : accounts_) {
            active += each.wants || each.servers != 0 ? 1 : 0;
        }
        const auto part = limit_ / std::max<std::ptrdiff_t>(active, 1);
        for (const account& each : accounts_) {
            if (each.who != &who && each.servers != 0) {
                candidates.push_back({each.who, each.servers <= std::max<std::ptrdiff_t>(part, 1)
                                                    ? usual_protection
                                                    : std::chrono::nanoseconds(0)});
            }
        }
    }
    return std::ranges::any_of(candidates,
                               [](const candidate& c) { return c.of->give_up_idle(c.protection); });
}

void connection_budget::settle() {
    member* first = nullptr;
    bool full = false;
    {
        const std::lock_guard lock(mutex_);
        const account* const needs = neediest();
        first = needs != nullptr ? needs->who : nullptr;
        full = limit_ != 0 && used_ >= limit_;
    }
    if (first != nullptr && (!full || evict_for(*first))) {
        first->try_again();
    }
}

}  // namespace weft::pool
