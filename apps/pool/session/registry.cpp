// SPDX-License-Identifier: Apache-2.0
#include "session/registry.h"

#include <sys/random.h>

#include <cstdlib>
#include <mutex>

#include "auth/digest.h"
#include "session/pool_entry.h"

namespace weft::pool {

namespace {

using clients_by_name = std::map<std::string, int, std::less<>>;

bool is_full(const clients_by_name& of, std::string_view name, int most) {
    const auto found = of.find(name);
    return most > 0 && found != of.end() && found->second >= most;
}

void one_less(clients_by_name& of, std::string_view name) {
    const auto found = of.find(name);
    if (--found->second == 0) {
        of.erase(found);
    }
}

}  // namespace

client_registry::admission client_registry::add(client& who, int most_of_database,
                                                int most_of_user) {
    if (::getrandom(who.key.data(), who.key.size(), 0) != static_cast<ssize_t>(who.key.size())) {
        std::abort();  // a secret that can be guessed is worse than none
    }
    const std::lock_guard lock(mutex_);
    if (is_full(of_database_, who.pool->database_name, most_of_database)) {
        return admission::database_full;
    }
    if (is_full(of_user_, who.user(), most_of_user)) {
        return admission::user_full;
    }
    if (unused_.empty()) {
        unused_.reserve(all_.size() + 1);  // so that remove() needs no memory
        all_.push_back(nullptr);
        unused_.push_back(static_cast<std::uint32_t>(all_.size()));
    }
    int& of_database = of_database_[who.pool->database_name];
    int& of_user = of_user_[std::string(who.user())];
    ++of_database;
    ++of_user;
    who.registry = this;
    who.number = unused_.back();
    unused_.pop_back();
    who.id = ++last_id_;
    all_[who.number - 1] = &who;
    ++count_;
    return admission::admitted;
}

void client_registry::reserve(std::uint32_t highest) {
    const std::lock_guard lock(mutex_);
    if (all_.size() < highest) {
        unused_.reserve(highest);
        all_.resize(highest);
    }
}

void client_registry::add_known(client& who) {
    const std::lock_guard lock(mutex_);
    if (who.number == 0 || who.number > all_.size() || all_[who.number - 1] != nullptr) {
        unused_.reserve(all_.size() + 1);
        all_.push_back(nullptr);
        who.number = static_cast<std::uint32_t>(all_.size());
    }
    int& of_database = of_database_[who.pool->database_name];
    int& of_user = of_user_[std::string(who.user())];
    ++of_database;
    ++of_user;
    who.registry = this;
    who.id = ++last_id_;
    all_[who.number - 1] = &who;
    ++count_;
}

std::uint32_t client_registry::highest() const {
    const std::lock_guard lock(mutex_);
    return static_cast<std::uint32_t>(all_.size());
}

void client_registry::remove(client& who) {
    const std::lock_guard lock(mutex_);
    who.registry = nullptr;
    all_[who.number - 1] = nullptr;
    unused_.push_back(who.number);
    --count_;
    one_less(of_database_, who.pool->database_name);
    one_less(of_user_, who.user());
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
