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
#include <cstdint>
#include <deque>
#include <expected>
#include <map>
#include <memory>
#include <mutex>
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

/// Some of what a client is to be told now.
struct untold_notifications {
    std::string messages;
    bool ascii = true;
};

/// As many bytes, and one notification more, are taken at a time.
inline constexpr std::size_t most_taken_bytes = std::size_t{64} << 10;

/// Why something ended; to be passed on without memory.
using report_ptr = std::shared_ptr<const report>;

/// More bytes, with those that keep them, do not wait for one client: it ends, as it would miss
/// some.
inline constexpr std::size_t most_untold_bytes = std::size_t{8} << 20;

/// Thread-safe.
class subscriber {
public:
    // By its client.

    /// Unless it is there already.
    void ask(std::string_view channel);
    /// The LISTEN is committed. False: it was not asked for.
    bool confirm(std::string_view channel);
    /// The same if it was confirmed before this transaction.
    bool confirm_again(std::string_view channel);
    /// The UNLISTEN is committed; a LISTEN may follow it in the same transaction. Nothing of it is
    /// told until that is confirmed.
    void drop(std::string_view channel);
    void drop_all();
    /// The transaction is over: what it dropped is only asked for from now on. What has come of
    /// that stays, as a LISTEN may follow that the server has obeyed already.
    void settle();
    /// It was asked for, at least.
    [[nodiscard]] bool has(std::string_view channel) const;
    [[nodiscard]] bool hears(std::string_view channel) const;  ///< and is confirmed
    /// With what has come of it.
    void forget(std::string_view channel);
    [[nodiscard]] std::size_t count() const;
    [[nodiscard]] std::vector<std::string> unconfirmed() const;
    /// Calls `visit(channel)` for each. Under the mutex.
    template <class Visit>
    void visit_channels(Visit visit) const {
        const std::lock_guard lock(mutex_);
        for (const auto& [name, now] : channels_) {
            visit(std::string_view(name));
        }
    }

    /// What is to be told now, or its beginning; of what was asked for only it stays. The error:
    /// some was lost, and the client must end.
    std::expected<untold_notifications, report> take();

    // By whoever listens.

    void put(const notification_ptr& what);
    /// Nothing comes any more, and something may have been missed. The first reason stays.
    void end(const report_ptr& why) noexcept;

    /// Has a value when there may be something to take().
    const channel<char> bell{1};

private:
    void end_locked(const report_ptr& why) noexcept;

    enum class state : std::uint8_t { asked, confirmed, dropped };

    void set_state(state& of, state to) noexcept;

    mutable mutex mutex_;
    std::map<std::string, state, std::less<>> channels_;
    std::size_t unconfirmed_ = 0;  // of them, or dropped
    std::deque<notification_ptr> untold_;
    std::size_t untold_bytes_ = 0;
    report_ptr ended_;
};

}  // namespace weft::pool
