// SPDX-License-Identifier: Apache-2.0
//
// listeners: where clients come in. Binds what the configuration names, or takes sockets over that
// listen already, from a service manager or another process, and accepts on a fiber for each.
//
// The service's fiber calls all of this; what is accepted is handed out on the acceptors' fibers.
// A socket that others may share is closed only when nobody waits in accept(): closing it then
// would end it for them, too.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include <weft/fiber.h>
#include <weft/socket.h>

#include "config/settings.h"
#include "metrics/log.h"

namespace weft::pool {

class listeners {
public:
    /// `start` gets each connection; called from several fibers.
    listeners(log& log_to, std::function<void(socket)> start);
    listeners(const listeners&) = delete;
    listeners& operator=(const listeners&) = delete;
    ~listeners();

    /// As the settings say. False: the log says why.
    bool bind(const settings& by);
    /// What others have made. False: one is no stream socket that listens; the log says so.
    bool adopt(std::vector<unique_fd> open);

    void accept();
    /// Who comes waits in the kernel until accept() or close().
    void pause();
    void close();
    /// But Unix sockets, where the console can still be reached.
    void close_tcp();
    /// Gives them up, still listening, to be handed to another process. A file of a Unix socket
    /// stays, and belongs to whoever adopts them with own_file().
    std::vector<unique_fd> release();

    /// The file of a Unix socket that was bound here: it goes with close(). Empty: none.
    [[nodiscard]] const std::string& own_file() const noexcept { return unix_file_; }
    void own_file(std::string path) { unix_file_ = std::move(path); }

    /// Those who are accepted from now on have them.
    void apply_tcp_settings(const settings& by) const;

private:
    void note(log_level level, const std::string& text) { log_.write(level, text); }
    bool bind_at(const std::string& address, const settings& by);
    bool bind_unix(const settings& by);
    void accept_from(listener& from, const std::stop_token& stop);

    log& log_;
    const std::function<void(socket)> start_;
    std::vector<listener> all_;
    std::vector<fiber> acceptors_;
    std::string unix_file_;
};

}  // namespace weft::pool
