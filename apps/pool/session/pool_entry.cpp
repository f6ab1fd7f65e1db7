// SPDX-License-Identifier: Apache-2.0
#include "session/pool_entry.h"

#include <mutex>
#include <utility>

namespace weft::pool {

report pool_entry::paused() {
    return fatal_report("57P01", "the database is paused: nothing can be listened to");
}

void pool_entry::pause(const report& why) const {
    pool->pause();
    if (listener != nullptr) {
        listener->end(why);
    }
}

bool pool_entry::has_closed_all(const report& why) const {
    const pool_status now = pool->status();
    const bool listens = listener != nullptr && listener->is_running();
    if (listens) {
        listener->end(why);
    }
    return now.servers + now.connecting == 0 && !listens;
}

void pool_entry::reconnect() const {
    pool->reconnect();
    if (listener != nullptr) {
        listener->end(fatal_report("57P01", "reconnecting: notifications may be missed"));
    }
}

void pool_entry::close(const report& why) const {
    pool->close(why);
    if (listener != nullptr) {
        listener->end(why);
    }
}

bool pool_entry::set_target(std::shared_ptr<const server_target> to, std::vector<server_host> hosts,
                            load_balance_hosts how) {
    const std::lock_guard lock(mutex_);
    const bool moves = target_ != nullptr && (target_->database != to->database || hosts_ != hosts);
    target_ = std::move(to);
    hosts_ = std::move(hosts);
    balance_ = how;
    return moves;
}

server_target pool_entry::next_target() {
    const std::lock_guard lock(mutex_);
    server_target target = *target_;
    const server_host& host = hosts_[next_host_ % hosts_.size()];
    if (balance_ == load_balance_hosts::round_robin) {
        ++next_host_;
    }
    target.host = host.name;
    target.port = host.port;
    target.keys = keys_;
    if (target.password.kind() == secret_kind::none) {
        target.password = looked_up_;
    }
    return target;
}

void pool_entry::note_failure(const server_target& of) {
    const std::lock_guard lock(mutex_);
    const server_host& current = hosts_[next_host_ % hosts_.size()];
    // Of several connections that fail together only the first one says something new.
    if (balance_ == load_balance_hosts::disable && current.name == of.host &&
        current.port == of.port) {
        ++next_host_;
    }
}

void pool_entry::set_keys(const scram_keys& keys) {
    const std::lock_guard lock(mutex_);
    keys_ = keys;
}

std::optional<scram_keys> pool_entry::keys() const {
    const std::lock_guard lock(mutex_);
    return keys_;
}

void pool_entry::set_secret(const secret& kept) {
    const std::lock_guard lock(mutex_);
    looked_up_ = kept;
}

std::size_t pool_entry::hosts() const {
    const std::lock_guard lock(mutex_);
    return hosts_.size();
}

}  // namespace weft::pool
