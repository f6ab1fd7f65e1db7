// SPDX-License-Identifier: Apache-2.0
#include "backend/subscriber.h"

#include <algorithm>
#include <mutex>
#include <utility>

namespace weft::pool {

void subscriber::ask(std::string_view channel) {
    const std::lock_guard lock(mutex_);
    channels_.try_emplace(std::string(channel), false);
}

bool subscriber::confirm(std::string_view channel) {
    const std::lock_guard lock(mutex_);
    const auto found = channels_.find(channel);
    if (found == channels_.end()) {
        return false;
    }
    found->second = true;
    return true;
}

bool subscriber::has(std::string_view channel) const {
    const std::lock_guard lock(mutex_);
    return channels_.contains(channel);
}

void subscriber::forget(std::string_view channel) {
    const std::lock_guard lock(mutex_);
    const auto found = channels_.find(channel);
    if (found != channels_.end()) {
        channels_.erase(found);
    }
}

std::vector<std::string> subscriber::channels() const {
    const std::lock_guard lock(mutex_);
    std::vector<std::string> out;
    for (const auto& [name, confirmed] : channels_) {
        out.push_back(name);
    }
    return out;
}

std::vector<std::string> subscriber::unconfirmed() const {
    const std::lock_guard lock(mutex_);
    std::vector<std::string> out;
    for (const auto& [name, confirmed] : channels_) {
        if (!confirmed) {
            out.push_back(name);
        }
    }
    return out;
}

void subscriber::set_encoding(std::string name) {
    const std::lock_guard lock(mutex_);
    encoding_ = std::move(name);
}

std::string subscriber::encoding() const {
    const std::lock_guard lock(mutex_);
    return encoding_;
}

std::expected<untold_notifications, report> subscriber::take() {
    const std::lock_guard lock(mutex_);
    if (ended_ != nullptr) {
        return std::unexpected(*ended_);
    }
    untold_notifications out;
    std::deque<notification_ptr> waits;
    for (notification_ptr& each : std::exchange(untold_, {})) {
        const auto of = channels_.find(each->channel);
        if (of != channels_.end() && !of->second) {
            waits.push_back(std::move(each));
            continue;
        }
        untold_bytes_ -= each->message.size();
        if (of != channels_.end()) {
            out.messages += each->message;
            out.ascii = out.ascii && each->ascii;
        }
    }
    untold_ = std::move(waits);
    return out;
}

void subscriber::put(const notification_ptr& what) {
    {
        const std::lock_guard lock(mutex_);
        if (ended_ != nullptr) {
            return;
        }
        if (untold_bytes_ + what->message.size() > most_untold_bytes) {
            end_locked(std::make_shared<const report>(
                fatal_report("54000", "too many notifications wait for this client")));
        } else {
            untold_bytes_ += what->message.size();
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
