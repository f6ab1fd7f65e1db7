// SPDX-License-Identifier: Apache-2.0
//
// administration: what all consoles share: who is at one, the counts of some time ago, and what the
// service does for them. Thread-safe.
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <list>
#include <string>
#include <string_view>
#include <vector>

#include <weft/mutex.h>

#include "admin/statistics.h"
#include "admin/tables.h"
#include "session/pooler.h"

namespace weft::pool {

enum class shutdown_mode : std::uint8_t {
    now,               ///< whatever clients do
    wait_for_servers,  ///< when no client has a server any more
    wait_for_clients,  ///< when all clients have gone
};

/// What only the service can do. Any fiber may call them, they may wait.
struct service_actions {
    /// Reads the configuration again. The error is one line, without secrets.
    std::function<std::expected<void, std::string>()> reload;
    /// SET: changes one setting of the configuration in force.
    std::function<std::expected<void, std::string>(std::string_view name, std::string_view value)>
        set;
    /// Returns at once.
    std::function<void(shutdown_mode)> shut_down;
};

class administration {
public:
    administration(pooler& of, service_actions does);
    administration(const administration&) = delete;
    administration& operator=(const administration&) = delete;

    /// Serves the console to a client that is logged in, until it goes. `may_change`: it may do
    /// more than SHOW.
    void serve(transport& io, input_buffer& in, std::string_view user, bool may_change);
    /// Whether the client of a console has not gone. What it may have sent meanwhile stays.
    [[nodiscard]] bool is_there(const transport& io) const;
    /// How many are at a console.
    [[nodiscard]] std::size_t consoles() const;
    /// Ends all that are at a console.
    void close_consoles();
    /// What is due; to be called each 100 ms or so.
    void look_after();

    [[nodiscard]] console_view view() const;
    [[nodiscard]] pooler& of() const noexcept { return pooler_; }
    [[nodiscard]] const service_actions& service() const noexcept { return service_; }

private:
    struct guest {
        transport* io;
        console_guest facts;
    };

    pooler& pooler_;
    const service_actions service_;
    statistics numbers_;
    mutable mutex mutex_;
    std::list<guest> guests_;
};

}  // namespace weft::pool
