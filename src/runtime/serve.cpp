// SPDX-License-Identifier: Apache-2.0
//
// weft::serve: gives the call to the server of its model. It lies here and not beside the servers,
// because two of them need a runtime, and may have to start one: only this layer can.
#include <weft/serve.h>

#include <new>
#include <stdexcept>
#include <system_error>

#include "base/assert.h"
#include "base/error.h"
#include "sched/current.h"
#include "serve/coroutine_server.h"
#include "serve/fiber_server.h"
#include "serve/process_server.h"
#include "serve/signal_watcher.h"
#include "serve/thread_server.h"

namespace weft {

namespace {

using serving::signal_watcher;

/// `serve_here(stop, force)` on this fiber or, on a plain thread, on a fiber of a new runtime.
template <class ServeHere>
result<void> on_a_runtime(const serve_options& options, ServeHere serve_here) {
    const bool own_runtime = sched::current_scheduler() == nullptr;
    WEFT_ASSERT(own_runtime || sched::on_fiber(), "serve() blocks: not for a coroutine");
    if (options.handle_signals && !own_runtime) {
        // The signals would be blocked on one worker, and the fiber may go on on another.
        return base::fail(std::errc::operation_not_permitted, "serve");
    }
    const auto watcher = signal_watcher::make(options);
    if (!watcher) {
        return std::unexpected(watcher.error());
    }
    const auto serve_now = [&] { return serve_here((*watcher)->stop(), (*watcher)->force()); };
    if (!own_runtime) {
        return serve_now();
    }
    try {
        return run(options.runtime, serve_now);
    } catch (const std::system_error& error) {
        return base::fail(error.code(), "serve");
    } catch (const std::invalid_argument&) {
        return base::fail(std::errc::invalid_argument, "serve");
    } catch (const std::bad_alloc&) {
        return base::fail(std::errc::not_enough_memory, "serve");
    }
}

}  // namespace

result<void> serve(listener& from, model which, handler serve_client, serve_options options) {
    if (!serve_client || which == model::coroutine) {
        return base::fail(std::errc::invalid_argument, "serve");
    }
    if (which == model::fiber) {
        return on_a_runtime(
            options, [&](const std::stop_token& stop, const std::stop_token& force) {
                return serving::serve_fibers(from, serve_client, options, stop, force);
            });
    }
    if (sched::current_scheduler() != nullptr) {
        return base::fail(std::errc::operation_not_permitted, "serve");
    }
    return which == model::process ? serving::serve_processes(from, serve_client, options)
                                   : serving::serve_threads(from, serve_client, options);
}

result<void> serve(listener& from, async_handler serve_client, serve_options options) {
    if (!serve_client) {
        return base::fail(std::errc::invalid_argument, "serve");
    }
    return on_a_runtime(options, [&](const std::stop_token& stop, const std::stop_token& force) {
        return serving::serve_coroutines(from, serve_client, options, stop, force);
    });
}

}  // namespace weft
