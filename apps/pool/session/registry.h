// SPDX-License-Identifier: Apache-2.0
//
// client_registry: all clients that are logged in, by number. The number and a secret are what a
// client's cancel request names. Thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <weft/mutex.h>

#include "session/client.h"

namespace weft::pool {

class client_registry {
public:
    client_registry() = default;
    client_registry(const client_registry&) = delete;
    client_registry& operator=(const client_registry&) = delete;

    /// Gives it a number, a secret and an id, unless its database or its user has as many already.
    /// 0: no limit.
    enum class admission : std::uint8_t { admitted, database_full, user_full };
    admission add(client& who, int most_of_database = 0, int most_of_user = 0);
    void remove(client& who);

    /// Another process's clients keep their numbers and secrets: none up to `highest` is given to
    /// others.
    void reserve(std::uint32_t highest);
    /// Such a client, which has a number and a secret. If somebody has the number it gets another
    /// one, by which nobody can cancel.
    void add_known(client& who);
    /// That was ever given.
    [[nodiscard]] std::uint32_t highest() const;

    /// Calls `use` with the client that this means, if there is one; nobody else's secret does.
    void find(std::uint32_t number, std::string_view key,
              const std::function<void(client&)>& use) const;
    /// Calls `visit` for each. They may not end meanwhile, nor others begin.
    void visit(const std::function<void(client&)>& visit) const;
    [[nodiscard]] std::size_t count() const;
    /// Calls `act` while nobody visits a client.
    template <class Act>
    void exclusively(Act act) const {
        const std::lock_guard lock(mutex_);
        act();
    }

private:
    mutable mutex mutex_;
    std::vector<client*> all_;           // by number - 1; null: nobody
    std::vector<std::uint32_t> unused_;  // numbers
    std::size_t count_ = 0;
    std::map<std::string, int, std::less<>> of_database_;
    std::map<std::string, int, std::less<>> of_user_;
    std::uint64_t last_id_ = 0;
};

}  // namespace weft::pool
