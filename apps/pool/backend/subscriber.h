// SPDX-License-Identifier: Apache-2.0
//
// subscriber: the channels (LISTEN) of one client whose notifications come by a connection that all
// clients of its database share (notification_listener.h), and those that it has not been told yet.
//
// A LISTEN counts when its transaction is committed, but whoever sees that commit may notify at
// once. So the channel is asked for before the server is told of the LISTEN; what comes meanwhile
// waits until the LISTEN is confirmed, or is dropped.
#pragma once

#include <cstddef>
#include <deque>
#include <expected>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <weft/channel.h>
#include <weft/mutex.h>

#include "wire/build.h"

namespace weft::pool {

/// One of NOTIFY, shared by all who get it.
struct notification {
    std::string channel;
    std::string message;  ///< NotificationResponse, as it came
    bool ascii = true;    ///< all that is text in it
};
using notification_ptr = std::shared_ptr<const notification>;

/// What a client is to be told now.
struct untold_notifications {
    std::string messages;
    bool ascii = true;
};

/// Why something ended; to be passed on without memory.
using report_ptr = std::shared_ptr<const report>;

/// More bytes do not wait for one client: it ends, as it would miss some.
inline constexpr std::size_t most_untold_bytes = std::size_t{8} << 20;

/// Thread-safe.
class subscriber {
public:
    // By its client.

    /// Unless it is there already.
    void ask(std::string_view channel);
    /// The LISTEN is committed. False: it was not asked for.
    bool confirm(std::string_view channel);
    [[nodiscard]] bool has(std::string_view channel) const;
    /// Nothing of it is told any more.
    void forget(std::string_view channel);
    [[nodiscard]] std::vector<std::string> channels() const;
    /// Those that are not confirmed.
    [[nodiscard]] std::vector<std::string> unconfirmed() const;

    /// What is to be told now; of what was asked for only it stays. The error: some was lost, and
    /// the client must end.
    std::expected<untold_notifications, report> take();

    /// client_encoding of what comes.
    void set_encoding(std::string name);
    [[nodiscard]] std::string encoding() const;

    // By whoever listens.

    void put(const notification_ptr& what);
    /// Nothing comes any more, and something may have been missed. The first reason stays.
    void end(const report_ptr& why) noexcept;

    /// Has a value when there may be something to take().
    const channel<char> bell{1};

private:
    void end_locked(const report_ptr& why) noexcept;

    mutable mutex mutex_;
    std::map<std::string, bool, std::less<>> channels_;  // whether it is confirmed
    std::deque<notification_ptr> untold_;
    std::size_t untold_bytes_ = 0;
    report_ptr ended_;
    std::string encoding_;
};

}  // namespace weft::pool
