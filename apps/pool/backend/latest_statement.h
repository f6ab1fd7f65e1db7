// SPDX-License-Identifier: Apache-2.0
//
// latest_statement: the beginning of the statement that a server was asked for last, for those who
// look on from other fibers. Costs the one who asks a copy and a mutex that is mostly free.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <mutex>
#include <string>
#include <string_view>

#include <weft/mutex.h>

namespace weft::pool {

/// Thread-safe.
class latest_statement {
public:
    /// More than is shown, as comments and most of a constant are left out (sql/shown.h).
    static constexpr std::size_t longest = 480;

    /// Up to a zero byte, and to its longest. Empty: it is not known.
    void set(std::string_view sql) noexcept {
        const std::size_t end = sql.substr(0, longest + 1).find('\0');
        const bool cut = !sql.empty() && end == std::string_view::npos;
        sql = sql.substr(0, std::min(end, longest));
        const std::lock_guard lock(mutex_);
        std::ranges::copy(sql, text_.begin());
        size_ = sql.size();
        cut_ = cut;
    }

    struct beginning {
        std::string text;
        bool cut = false;  ///< there is more
    };
    [[nodiscard]] beginning get() const {
        const std::lock_guard lock(mutex_);
        return {.text = {text_.data(), size_}, .cut = cut_};
    }

private:
    mutable mutex mutex_;
    std::size_t size_ = 0;
    bool cut_ = false;
    std::array<char, longest> text_;
};

}  // namespace weft::pool
