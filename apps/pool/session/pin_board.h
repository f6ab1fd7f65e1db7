// SPDX-License-Identifier: Apache-2.0
//
// pin_board: which clients of a pool keep their server, and why, and how many there have been.
// Holds at most one pin a client, so its memory is bounded by that of the clients; of counters it
// has a thousand beside those of clients that are pinned now. Thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include <weft/mutex.h>
#include <weft/time.h>

namespace weft::pool {

/// A client that keeps its server.
struct pin {
    std::uint64_t client_id = 0;
    std::string tenant;
    std::string client_user;
    std::string application_name;
    std::string cause;
    std::string statement;  ///< that caused it, as sql/shown.h shows it
    clock::time_point since;
};

class pin_board {
public:
    /// A pin for as long as this lives. The board must outlive it.
    class place {
    public:
        place() = default;
        place(const place&) = delete;
        place& operator=(const place&) = delete;
        ~place() { clear(); }
        /// Nothing, if there is one already.
        void put(pin_board& on, pin what);
        void clear() noexcept;

    private:
        pin_board* board_ = nullptr;
        std::uint64_t client_id_ = 0;
        std::pair<std::string, std::string> counter_;
    };

    struct counter {
        std::uint64_t now = 0;    ///< clients that are pinned so
        std::uint64_t total = 0;  ///< that were ever
    };

    /// Calls `use` for each client that is pinned, in the order of their ids. Under the mutex.
    void visit(const std::function<void(const pin&)>& use) const;
    /// The same for the counters, by tenant and cause.
    void visit_counters(
        const std::function<void(const std::string& tenant, const std::string& cause,
                                 const counter&)>& use) const;

private:
    void add_up();

    mutable mutex mutex_;
    std::map<std::uint64_t, pin> pins_;
    std::map<std::pair<std::string, std::string>, counter> counters_;
};

}  // namespace weft::pool
