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
        return base::fail(signals.error(), "serve");
    }
    watcher->signals_.emplace(std::move(*signals));
    auto ended = stop_event::make(watcher->end_.get_token());
    if (!ended) {
        return base::fail(ended.error(), "serve");
    }
    watcher->ended_ = std::move(*ended);
    try {
        watcher->thread_ = std::thread([w = watcher.get()] { w->watch(); });
    } catch (const std::system_error& error) {
        return base::fail(error.code(), "serve");
    }
    return watcher;
}

signal_watcher::~signal_watcher() {
    end_.request_stop();
    if (thread_.joinable()) {
        thread_.join();
    }
}

void signal_watcher::watch() {
    std::array<signalfd_siginfo, 4> buffer;
    std::array<pollfd, 2> set{{{.fd = ended_->native_handle(), .events = POLLIN, .revents = 0},
                               {.fd = signals_->native_handle(), .events = POLLIN, .revents = 0}}};
    while (!end_.stop_requested()) {
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
