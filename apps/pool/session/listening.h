// SPDX-License-Identifier: Apache-2.0
//
// listening: a client that listens (LISTEN) while its servers change: what it wishes to hear comes
// by the connection that its database has for that (backend/notification_listener.h), and is told
// when nothing of it is under way.
#pragma once

#include <optional>
#include <string_view>

#include "session/client.h"
#include "session/conversation.h"
#include "session/pooler.h"

namespace weft::pool {

/// More channels of one client make it keep a server of its own.
inline constexpr std::size_t most_channels = 1000;

/// The wishes of a client. By its fiber.
class client_wishes final : public channel_wishes {
public:
    client_wishes(pooler& with, client& whose) noexcept : pooler_(with), client_(whose) {}

    bool wish(std::string_view channel) override;
    bool confirm(std::string_view channel) override;
    [[nodiscard]] bool has(std::string_view channel) const override;
    void drop(std::string_view channel) override;
    void drop_all() override;
    void drop_unconfirmed() override;

private:
    bool subscribe(std::string_view channel);

    pooler& pooler_;
    client& client_;
};

/// Tells a client that listens what has come for it. The error is why it ends; one without a
/// severity: it does not take it, or has gone.
std::expected<void, report> tell_notifications(const pooler& with, client& whom);

}  // namespace weft::pool
