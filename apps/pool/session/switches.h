// SPDX-License-Identifier: Apache-2.0
//
// switches: what the console has turned off: all pools, or those of some databases, for a while;
// databases for new clients. Names need not be of databases that there are: what is made later
// obeys, too. Thread-safe.
#pragma once

#include <functional>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <weft/mutex.h>

namespace weft::pool {

class switches {
public:
    enum class mode : unsigned char {
        active,
        paused,     ///< servers are closed, and none is connected to
        suspended,  ///< servers stay, and nobody gets one
    };

    /// Of all pools. False: they were not active.
    bool stop_all(mode how) {
        const std::lock_guard lock(mutex_);
        if (mode_ != mode::active) {
            return false;
        }
        mode_ = how;
        return true;
    }
    [[nodiscard]] mode state() const {
        const std::lock_guard lock(mutex_);
        return mode_;
    }
    /// All databases, too, that were paused one by one. False: none was, nor all.
    bool resume_all() {
        const std::lock_guard lock(mutex_);
        const bool any = mode_ != mode::active || !paused_.empty();
        mode_ = mode::active;
        paused_.clear();
        return any;
    }

    void pause(std::string_view database) {
        const std::lock_guard lock(mutex_);
        paused_.emplace(database);
    }
    /// False: it was not paused by itself.
    bool resume(std::string_view database) {
        const std::lock_guard lock(mutex_);
        const auto found = paused_.find(database);
        if (found == paused_.end()) {
            return false;
        }
        paused_.erase(found);
        return true;
    }
    /// By itself, whatever is with all.
    [[nodiscard]] bool is_paused(std::string_view database) const {
        const std::lock_guard lock(mutex_);
        return paused_.contains(database);
    }
    [[nodiscard]] bool any_paused() const {
        const std::lock_guard lock(mutex_);
        return !paused_.empty();
    }
    /// How a pool of this database is to behave.
    [[nodiscard]] mode state_of(std::string_view database) const {
        const std::lock_guard lock(mutex_);
        return mode_ == mode::active && paused_.contains(database) ? mode::paused : mode_;
    }

    /// What outlasts an online restart: not that all are suspended, which is for the time of one.
    struct lasting {
        bool all_paused = false;
        std::vector<std::string> paused;
        std::vector<std::string> disabled;
        bool operator==(const lasting&) const = default;
    };
    [[nodiscard]] lasting what_lasts() const {
        const std::lock_guard lock(mutex_);
        return {.all_paused = mode_ == mode::paused,
                .paused = {paused_.begin(), paused_.end()},
                .disabled = {disabled_.begin(), disabled_.end()}};
    }
    /// Before there are pools.
    void begin_with(const lasting& from) {
        const std::lock_guard lock(mutex_);
        mode_ = from.all_paused ? mode::paused : mode::active;
        paused_ = {from.paused.begin(), from.paused.end()};
        disabled_ = {from.disabled.begin(), from.disabled.end()};
    }

    /// Whether clients may come to it.
    void enable(std::string_view database, bool may_come) {
        const std::lock_guard lock(mutex_);
        if (may_come) {
            disabled_.erase(std::string(database));
        } else {
            disabled_.emplace(database);
        }
    }
    [[nodiscard]] bool is_disabled(std::string_view database) const {
        const std::lock_guard lock(mutex_);
        return disabled_.contains(database);
    }

private:
    mutable mutex mutex_;
    mode mode_ = mode::active;
    std::set<std::string, std::less<>> paused_;
    std::set<std::string, std::less<>> disabled_;
};

}  // namespace weft::pool
