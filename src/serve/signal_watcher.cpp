// SPDX-License-Identifier: Apache-2.0
#include "serve/signal_watcher.h"

#include <poll.h>

#include <array>
#include <system_error>

namespace weft::serving {

result<std::unique_ptr<signal_watcher>> signal_watcher::make(const serve_options& options) {
    std::unique_ptr<signal_watcher> watcher(new signal_watcher(options.stop));
    if (!options.handle_signals) {
        return watcher;
    }
    auto signals = stop_signals::make(true, false);
    if (!signals) {
        return std::unexpected(signals.error());
    }
    watcher->signals_.emplace(std::move(*signals));
    try {
        watcher->thread_ = std::jthread([w = watcher.get()](const std::stop_token& end) { w->watch(end); });
    } catch (const std::system_error& error) {
        return std::unexpected(error.code());
    }
    return watcher;
}

void signal_watcher::watch(const std::stop_token& end) {
    const auto ended = stop_event::make(end);
    if (!ended) {
        // Without a descriptor for the end it could not be ended; better no signals than a hang.
        return;
    }
    std::array<signalfd_siginfo, 4> buffer;
    std::array<pollfd, 2> set{{{.fd = (*ended)->native_handle(), .events = POLLIN, .revents = 0},
                               {.fd = signals_->native_handle(), .events = POLLIN, .revents = 0}}};
    while (!end.stop_requested()) {
        if (::poll(set.data(), set.size(), -1) < 0) {
            continue;
        }
        for (std::size_t left = signals_->take(buffer).size(); left != 0; --left) {
            if (!stop_.request_stop()) {
                force_.request_stop();
            }
        }
    }
}

}  // namespace weft::serving
