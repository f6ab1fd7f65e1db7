// SPDX-License-Identifier: Apache-2.0
//
// Answers, until they are too old or others that are used more need their place. Time is passed in.
// Not thread-safe.
#pragma once

#include <cstddef>
#include <list>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>

#include <weft/time.h>

#include "dns/message.h"

namespace weft::dns {

/// A name in lower case and a type, as one text: "28 example.org".
std::string key_of(std::string_view name, record_type type);

class cache {
public:
    explicit cache(std::size_t size) : size_(size) {}

    /// Null if there is none.
    std::shared_ptr<const answer> find(const std::string& key, clock::time_point now);

    /// Throws std::bad_alloc, and then has what it had.
    void keep(const std::string& key, std::shared_ptr<const answer> found, clock::time_point until);

    void clear();
    [[nodiscard]] std::size_t size() const { return by_key_.size(); }

private:
    struct entry {
        std::string key;
        std::shared_ptr<const answer> found;
        clock::time_point until;
    };

    void drop(std::list<entry>::iterator which);

    std::size_t size_;
    std::list<entry> entries_;  // the one that was used last is first
    std::unordered_map<std::string, std::list<entry>::iterator> by_key_;
};

}  // namespace weft::dns
