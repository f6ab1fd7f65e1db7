// SPDX-License-Identifier: Apache-2.0
//
// giver: of a process that another one takes over: sends clients as they idle, and does for those
// that are still here what only this process can.
#pragma once

#include <memory>

#include <weft/fiber.h>

#include "handover/link.h"
#include "session/pooler.h"

namespace weft::pool::handover {

class giver {
public:
    /// The other one serves already.
    giver(pooler& from, std::shared_ptr<link> to);
    giver(const giver&) = delete;
    giver& operator=(const giver&) = delete;
    /// No client may be left.
    ~giver();

    /// Clients leave from now on.
    void begin();

private:
    void send_keys();
    bool give(client& who);
    void hear();

    pooler& from_;
    const std::shared_ptr<link> to_;
    fiber hearer_;
};

/// What is known of a client that idles.
idle_client describe(const pooler& of, const client& who);

}  // namespace weft::pool::handover
