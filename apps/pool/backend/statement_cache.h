// SPDX-License-Identifier: Apache-2.0
//
// statement_cache: which prepared statements a server connection has, those that were used last
// first. Not thread-safe, but for size().
#pragma once

#include <atomic>
#include <cstddef>
#include <list>
#include <string>
#include <unordered_map>

#include "backend/interned.h"

namespace weft::pool {

/// A prepared statement: what a Parse says behind the name, its text and the types of its
/// parameters.
using statement_ptr = interned_ptr;

/// The name that it has on all servers.
std::string server_name_of(const interned& statement);

class statement_cache {
public:
    /// Any thread.
    [[nodiscard]] std::size_t size() const noexcept {
        return count_.load(std::memory_order_relaxed);
    }

    /// Whether the server has it; then it was used now.
    bool use(const interned& statement);
    /// It has it from now on.
    void add(const statement_ptr& statement);
    /// It has not.
    void remove(const interned& statement);
    void clear() noexcept;
    /// The one that was not used for longest. There must be one.
    [[nodiscard]] const statement_ptr& oldest() const noexcept { return order_.back(); }

private:
    std::list<statement_ptr> order_;
    std::unordered_map<const interned*, std::list<statement_ptr>::iterator> known_;
    std::atomic<std::size_t> count_{0};
};

}  // namespace weft::pool
