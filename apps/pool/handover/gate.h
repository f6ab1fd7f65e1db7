// SPDX-License-Identifier: Apache-2.0
//
// gate: where a new process asks for what this one has: a Unix socket beside the one of clients.
// Only processes of the same user get further than that. The service's fiber opens and closes it.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include <weft/fiber.h>
#include <weft/socket.h>

#include "handover/link.h"
#include "metrics/log.h"

namespace weft::pool::handover {

class gate {
public:
    /// `asked` gets each process that may have it; called on the gate's fiber.
    gate(log& log_to, std::function<void(std::shared_ptr<link>)> asked);
    gate(const gate&) = delete;
    gate& operator=(const gate&) = delete;
    ~gate();

    /// At an address of address_for(); empty: nowhere. Without it the pooler serves as well: the
    /// log says what is wrong.
    void open(const std::string& address);
    /// Another process can open it then.
    void close();

private:
    void accept(const std::stop_token& stop);
    void answer(socket connected);

    log& log_;
    const std::function<void(std::shared_ptr<link>)> asked_;
    listener listener_;
    std::string file_;
    fiber acceptor_;
};

}  // namespace weft::pool::handover
