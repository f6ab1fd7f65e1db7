// SPDX-License-Identifier: Apache-2.0
#include "backend/subscriber.h"

#include <algorithm>
#include <iterator>
#include <mutex>
#include <utility>

namespace weft::pool {

namespace {

/// With what it takes to keep it, for one client.
std::size_t weight_of(const notification& what) noexcept {
    return what.message.size() + 128;
}

}  // namespace

void subscriber::set_state(state& of, state to) noexcept {
    unconfirmed_ -= of != state::confirmed ? 1 : 0;
    unconfirmed_ += to != state::confirmed ? 1 : 0;
    of = to;
}

void subscriber::ask(std::string_view channel) {
    const std::lock_guard lock(mutex_);
    if (channels_.try_emplace(std::string(channel), state::asked).second) {
        ++unconfirmed_;
    }
}

bool subscriber::confirm(std::string_view channel) {
    const std::lock_guard lock(mutex_);
    const auto found = channels_.find(channel);
    if (found == channels_.end()) {
        return false;
    }
    set_state(found->second, state::confirmed);
    return true;
}

bool subscriber::confirm_again(std::string_view channel) {
    const std::lock_guard lock(mutex_);
    const auto found = channels_.find(channel);
    if (found == channels_.end() || found->second == state::asked) {
        return false;
    }
    set_state(found->second, state::confirmed);
    return true;
}

void subscriber::drop(std::string_view channel) {
    const std::lock_guard lock(mutex_);
    const auto found = channels_.find(channel);
    if (found != channels_.end() && found->second == state::confirmed) {
        set_state(found->second, state::dropped);
    }
}

void subscriber::drop_all() {
    const std::lock_guard lock(mutex_);
    for (auto& [name, now] : channels_) {
        if (now == state::confirmed) {
            set_state(now, state::dropped);
        }
    }
}

void subscriber::settle() {
    const std::lock_guard lock(mutex_);
    if (unconfirmed_ == 0) {
        return;
    }
    for (auto& [name, now] : channels_) {
        if (now == state::dropped) {
            set_state(now, state::asked);
        }
    }
}

bool subscriber::has(std::string_view channel) const {
    const std::lock_guard lock(mutex_);
    return channels_.contains(channel);
}

bool subscriber::hears(std::string_view channel) const {
    const std::lock_guard lock(mutex_);
    const auto found = channels_.find(channel);
    return found != channels_.end() && found->second == state::confirmed;
}

void subscriber::forget(std::string_view channel) {
    const std::lock_guard lock(mutex_);
    const auto found = channels_.find(channel);
    if (found != channels_.end()) {
        std::erase_if(untold_, [&](const notification_ptr& each) {
            const bool goes = each->channel == channel;
            untold_bytes_ -= goes ? weight_of(*each) : 0;
            return goes;
        });
        set_state(found->second, state::confirmed);  // it counts for nothing
        channels_.erase(found);
    }
}

std::size_t subscriber::count() const {
    const std::lock_guard lock(mutex_);
    return channels_.size();
}

std::vector<std::string> subscriber::unconfirmed() const {
    const std::lock_guard lock(mutex_);
    std::vector<std::string> out;
    if (unconfirmed_ == 0) {
        return out;
    }
    for (const auto& [name, now] : channels_) {
        if (now == state::asked) {
            out.push_back(name);
        }
    }
    return out;
}

std::expected<untold_notifications, report> subscriber::take() {
    const std::lock_guard lock(mutex_);
    if (ended_ != nullptr) {
        return std::unexpected(*ended_);
    }
    untold_notifications out;
    std::deque<notification_ptr> waits;
    for (; !untold_.empty() && out.messages.size() < most_taken_bytes; untold_.pop_front()) {
        const notification& each = *untold_.front();
        const auto of = channels_.find(each.channel);
        const bool told = of != channels_.end() && of->second == state::confirmed;
        if (of != channels_.end() && !told) {
            waits.push_back(std::move(untold_.front()));
            continue;
        }
        if (told) {
            out.messages += each.message;
            out.ascii = out.ascii && each.ascii;
        }
        untold_bytes_ -= weight_of(each);
    }
    untold_.insert(untold_.begin(), std::move_iterator(waits.begin()),
                   std::move_iterator(waits.end()));
    return out;
}

void subscriber::put(const notification_ptr& what) {
    {
        const std::lock_guard lock(mutex_);
        if (ended_ != nullptr) {
            return;
        }
        if (untold_bytes_ + weight_of(*what) > most_untold_bytes) {
            end_locked(std::make_shared<const report>(
                fatal_report("54000", "too many notifications wait for this client")));
        } else {
            untold_bytes_ += weight_of(*what);
            untold_.push_back(what);
        }
    }
    (void)bell.try_send(0);
}

void subscriber::end(const report_ptr& why) noexcept {
    {
        const std::lock_guard lock(mutex_);
        end_locked(why);
    }
    (void)bell.try_send(0);
}

void subscriber::end_locked(const report_ptr& why) noexcept {
    if (ended_ == nullptr) {
        ended_ = why;
        untold_.clear();
        untold_bytes_ = 0;
    }
}

}  // namespace weft::pool
