// SPDX-License-Identifier: Apache-2.0
#include "session/pool_entry.h"

#include <mutex>
#include <utility>

namespace weft::pool {

void pool_entry::set_target(std::shared_ptr<const server_target> to,
                            std::vector<std::string> hosts) {
    const std::lock_guard lock(mutex_);
    target_ = std::move(to);
    hosts_ = std::move(hosts);
}

server_target pool_entry::next_target() {
    const std::lock_guard lock(mutex_);
    server_target target = *target_;
    target.host = hosts_[next_host_++ % hosts_.size()];
    target.keys = keys_;
    return target;
}

void pool_entry::set_keys(const scram_keys& keys) {
    const std::lock_guard lock(mutex_);
    keys_ = keys;
}

std::size_t pool_entry::hosts() const {
    const std::lock_guard lock(mutex_);
    return hosts_.size();
}

}  // namespace weft::pool
