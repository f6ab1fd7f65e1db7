// SPDX-License-Identifier: Apache-2.0
//
// interned: bytes of which equal ones exist once, however many hold them: the text of a prepared
// statement that a thousand clients use, the parameters that ten thousand have in common. They end
// with their last holder.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include <weft/mutex.h>

namespace weft::pool {

struct interned {
    std::string bytes;
    std::uint64_t id = 0;  ///< in its table, never used again
};

/// A copy of the pointer holds it. Equal bytes of one table have equal pointers.
using interned_ptr = std::shared_ptr<const interned>;

/// Thread-safe. Must outlive what comes from it.
class intern_table {
public:
    intern_table() = default;
    intern_table(const intern_table&) = delete;
    intern_table& operator=(const intern_table&) = delete;

    /// Throws std::bad_alloc.
    interned_ptr intern(std::string_view bytes);

    /// How many there are.
    [[nodiscard]] std::size_t size() const;

private:
    void forget(const interned& dying) noexcept;

    mutable mutex mutex_;
    /// The keys lie in what they lead to.
    std::unordered_map<std::string_view, std::weak_ptr<const interned>> known_;
    std::uint64_t last_id_ = 0;
};

}  // namespace weft::pool
