// SPDX-License-Identifier: Apache-2.0
//
// statement_cache: which prepared statements a server connection has, those that were used last
// first. Not thread-safe.
#pragma once

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
    [[nodiscard]] std::size_t size() const noexcept { return known_.size(); }

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
};

}  // namespace weft::pool
