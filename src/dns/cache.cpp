// SPDX-License-Identifier: Apache-2.0
#include "dns/cache.h"

namespace weft::dns {

std::string key_of(std::string_view name, record_type type) {
    std::string key = std::to_string(static_cast<unsigned>(type));
    key += ' ';
    key += name;
    return key;
}

std::shared_ptr<const answer> cache::find(const std::string& key, clock::time_point now) {
    const auto at = by_key_.find(key);
    if (at == by_key_.end()) {
        return nullptr;
    }
    if (at->second->until <= now) {
        drop(at->second);
        return nullptr;
    }
    entries_.splice(entries_.begin(), entries_, at->second);
    return at->second->found;
}

void cache::keep(const std::string& key, std::shared_ptr<const answer> found,
                 clock::time_point until) {
    if (size_ == 0) {
        return;
    }
    std::list<entry> fresh;
    fresh.push_front({.key = key, .found = std::move(found), .until = until});
    if (const auto [at, added] = by_key_.try_emplace(key, fresh.begin()); !added) {
        entries_.erase(at->second);
        at->second = fresh.begin();
    }
    entries_.splice(entries_.begin(), fresh);
    if (entries_.size() > size_) {
        drop(std::prev(entries_.end()));
    }
}

void cache::clear() {
    by_key_.clear();
    entries_.clear();
}

void cache::drop(std::list<entry>::iterator which) {
    by_key_.erase(which->key);
    entries_.erase(which);
}

}  // namespace weft::dns
