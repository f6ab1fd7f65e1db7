// SPDX-License-Identifier: Apache-2.0
//
// How many servers a pool has: when it connects to more, what it shares with other pools.
#include <algorithm>
#include <string_view>
#include <utility>

#include <weft/fiber.h>

#include "backend/limit.h"
#include "backend/server_pool.h"

namespace weft::pool {

namespace {

using namespace std::chrono_literals;

/// Connections that a pool makes at the same time.
constexpr std::uint32_t most_connecting = 8;

/// After the first failure; doubled each time, up to server_login_retry.
constexpr std::chrono::nanoseconds first_retry = 100ms;

/// Whether the server itself said no, for a reason that will not go by itself. "Too many clients",
/// and that it starts or stops, will.
bool is_rejection(const report& why) {
    const std::string_view code = why.sqlstate;
    return code.starts_with("28") || code.starts_with("3D") || code.starts_with("42");
}

}  // namespace

bool server_pool::too_many() const {
    return limits_.size != 0 &&
           servers_.size() > static_cast<std::size_t>(limits_.size + limits_.reserve);
}

/// How many servers more there may be.
int server_pool::room(clock::time_point now) const {
    if (limits_.size == 0) {
        return static_cast<int>(most_connecting);
    }
    int most = limits_.size;
    if (limits_.reserve != 0 && waiting_.first() != nullptr &&
        older_than(waiting_.first()->since, limits_.reserve_after, now)) {
        most += limits_.reserve;
    }
    return most - static_cast<int>(servers_.size() + connecting_);
}

void server_pool::grow(clock::time_point now) {
    if (paused_ || closed_ || now < retry_at_) {
        return;
    }
    const auto least = static_cast<std::size_t>(limits_.least);
    const std::size_t there = servers_.size() + connecting_;
    const std::size_t for_clients =
        waiting_.count() > connecting_ ? waiting_.count() - connecting_ : 0;
    std::size_t wanted = std::max(for_clients, least > there ? least - there : 0);
    // After a failure one tries, not all.
    const std::uint32_t at_once = retry_pause_.count() != 0 ? 1 : most_connecting;
    while (wanted > 0 && room(now) > 0 && connecting_ < at_once) {
        --wanted;
        if (!take_from_budgets()) {
            wants_more_ = true;
            return;
        }
        connect_one();
    }
    note_content();
}

// What several pools have in common.

void server_pool::set_budgets(std::vector<std::shared_ptr<connection_budget>> budgets) {
    const std::lock_guard lock(mutex_);
    budgets_ = std::move(budgets);
    for (const auto& each : budgets_) {
        each->join(*this);
    }
}

bool server_pool::take_from_budgets() {
    for (std::size_t i = 0; i < budgets_.size(); ++i) {
        if (!budgets_[i]->take(*this)) {
            while (i > 0) {
                budgets_[--i]->give_back(*this);
            }
            return false;
        }
    }
    return true;
}

void server_pool::give_back_to_budgets() {
    for (const auto& each : budgets_) {
        each->give_back(*this);
    }
}

void server_pool::note_content() {
    if (std::exchange(wants_more_, false)) {
        for (const auto& each : budgets_) {
            each->content(*this);
        }
    }
}

bool server_pool::should_yield() const {
    return std::ranges::any_of(budgets_, [&](const auto& b) { return b->should_yield(*this); });
}

void server_pool::settle_budgets() {
    for (const auto& each : budgets_) {
        each->settle();
    }
}

void server_pool::try_again() {
    const std::lock_guard lock(mutex_);
    grow(clock::now());
}

bool server_pool::give_up_idle(std::chrono::nanoseconds protection) {
    doomed out;
    {
        const std::lock_guard lock(mutex_);
        const auto now = clock::now();
        // The first one has not been used for longest.
        if (!idle_.empty() && now - idle_.front()->idle_since >= protection) {
            out.push_back(extract(*idle_.front()));
        }
    }
    const bool gave = !out.empty();
    say_goodbye(out);
    return gave;
}

void server_pool::connect_one() {
    ++connecting_;
    fibers_.add(1);
    try {
        starter_.start({.name = "connect"}, [this] {
            std::expected<std::unique_ptr<server>, report> made =
                std::unexpected(fatal_report("53200", "out of memory"));
            try {
                made = connect_();
            } catch (const std::bad_alloc&) {
                // It is told as any other failure, and tried again later.
            }
            connected(std::move(made));
            fibers_.done();
        });
    } catch (const std::bad_alloc&) {
        --connecting_;
        fibers_.done();
        give_back_to_budgets();
        note_failure(fatal_report("53200", "out of memory"), clock::now());
    }
}

void server_pool::connected(std::expected<std::unique_ptr<server>, report> made) {
    doomed out;
    {
        const std::lock_guard lock(mutex_);
        const auto now = clock::now();
        --connecting_;
        if (!made) {
            give_back_to_budgets();
            note_failure(made.error(), now);
            return;
        }
        retry_pause_ = {};
        last_failure_.reset();
        server& fresh = **made;
        fresh.id = ++last_id_;
        fresh.stale = closed_.has_value() || paused_;
        welcome_ = fresh.welcome;
        servers_.push_back(std::move(*made));
        offer(fresh, now, out);
        dispatch(now, nullptr);
        grow(now);
    }
    say_goodbye(out);
}

void server_pool::note_failure(const report& why, clock::time_point now) {
    last_failure_ = why;
    was_rejected_ = is_rejection(why);
    retry_pause_ = std::min<std::chrono::nanoseconds>(
        std::max<std::chrono::nanoseconds>(2 * retry_pause_, first_retry), limits_.longest_retry);
    retry_at_ = now + retry_pause_;
    if (was_rejected_ && servers_.empty() && connecting_ == 0) {
        refuse_all(why);
    }
}

}  // namespace weft::pool
