// SPDX-License-Identifier: Apache-2.0
//
// listening: a client that listens (LISTEN) while its servers change: what it wishes to hear comes
// by the connection that its database has for that (backend/notification_listener.h), and is told
// between its transactions.
#pragma once

#include <expected>
#include <string>
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
    bool confirm_again(std::string_view channel) override;
    [[nodiscard]] bool any() const override { return client_.hears != nullptr; }
    [[nodiscard]] bool hears(std::string_view channel) const override;
    void drop(std::string_view channel) override;
    void drop_all() override;
    void settle(bool rests) override;

private:
    bool subscribe(std::string_view channel);
    void give_up(std::string_view channel);

    pooler& pooler_;
    client& client_;
};

/// Some of what is to be told to a client that listens, as messages; empty: nothing. The error is
/// why it must end.
std::expected<std::string, report> take_notifications(const pooler& with, const client& whom);

}  // namespace weft::pool
