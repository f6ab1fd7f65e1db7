// SPDX-License-Identifier: Apache-2.0
//
// signal_watcher: brings together what may stop a server of the models thread, fiber and coroutine:
// options.stop and, with options.handle_signals, SIGTERM and SIGINT, for which it runs a thread.
// The signals are blocked on the thread that makes it, and on those that it starts later, until it
// is destroyed. (The process server must have no threads and polls a signalfd itself.)
#pragma once

#include <memory>
#include <optional>
#include <stop_token>
#include <thread>

#include <weft/serve.h>

#include "serve/stop_event.h"
#include "serve/stop_signals.h"

namespace weft::serving {

class signal_watcher {
public:
    static result<std::unique_ptr<signal_watcher>> make(const serve_options& options);
    signal_watcher(const signal_watcher&) = delete;
    signal_watcher& operator=(const signal_watcher&) = delete;
    ~signal_watcher();

    /// Turns when the server shall stop.
    [[nodiscard]] std::stop_token stop() const noexcept { return stop_.get_token(); }

    /// Turns when a second signal came: the drain shall end at once.
    [[nodiscard]] std::stop_token force() const noexcept { return force_.get_token(); }

private:
    explicit signal_watcher(const std::stop_token& from_outside)
        : forward_(from_outside, request{stop_}) {}

    void watch();

    struct request {
        std::stop_source& source;
        void operator()() const noexcept { source.request_stop(); }
    };

    std::stop_source stop_;
    std::stop_source force_;
    std::stop_callback<request> forward_;
    std::optional<stop_signals> signals_;
    std::stop_source end_;
    std::unique_ptr<stop_event> ended_;
    std::thread thread_;
};

}  // namespace weft::serving
