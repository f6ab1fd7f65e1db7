// SPDX-License-Identifier: Apache-2.0
#include "session/registry.h"

#include <sys/random.h>

#include <cstdlib>
#include <mutex>

#include "auth/digest.h"

namespace weft::pool {

void client_registry::add(client& who) {
    if (::getrandom(who.key.data(), who.key.size(), 0) != static_cast<ssize_t>(who.key.size())) {
        std::abort();  // a secret that can be guessed is worse than none
    }
    const std::lock_guard lock(mutex_);
    if (unused_.empty()) {
        all_.push_back(nullptr);
        unused_.push_back(static_cast<std::uint32_t>(all_.size()));
    }
    who.number = unused_.back();
    unused_.pop_back();
    who.id = ++last_id_;
    all_[who.number - 1] = &who;
    ++count_;
}

void client_registry::remove(client& who) {
    const std::lock_guard lock(mutex_);
    all_[who.number - 1] = nullptr;
    unused_.push_back(who.number);
    --count_;
}

void client_registry::find(std::uint32_t number, std::string_view key,
                           const std::function<void(client&)>& use) const {
    const std::lock_guard lock(mutex_);
    if (number == 0 || number > all_.size() || all_[number - 1] == nullptr) {
        return;
    }
    client& who = *all_[number - 1];
    if (equal_in_constant_time(who.cancel_key(), key)) {
        use(who);
    }
}

void client_registry::visit(const std::function<void(client&)>& visit) const {
    const std::lock_guard lock(mutex_);
    for (client* const each : all_) {
        if (each != nullptr) {
            visit(*each);
        }
    }
}

std::size_t client_registry::count() const {
    const std::lock_guard lock(mutex_);
    return count_;
}

}  // namespace weft::pool
