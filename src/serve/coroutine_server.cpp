// SPDX-License-Identifier: Apache-2.0
#include "serve/coroutine_server.h"

#include "base/error.h"
#include "serve/runtime_server.h"

namespace weft::serving {

namespace {

class coroutine_server final : public runtime_server {
public:
    coroutine_server(io::poll_descriptor& listener, const async_handler& serve_client,
                     const serve_options& options) noexcept
        : runtime_server(listener, options), serve_client_(serve_client) {}

private:
    void start(served_client client) override { spawn(serve_one(std::move(client))).detach(); }

    /// `client` is moved into the frame; if there is no memory for that, it is refused outside.
    static task<> serve_one(served_client client) {
        auto& server = static_cast<coroutine_server&>(client.server());
        outcome how = outcome::failed;
        const auto adopted = io::adopt(client.take_socket().release(), server.proto());
        if (adopted) {
            async_connection c = server.state().make_async_connection(**adopted);
            try {
                co_await server.serve_client_(c);
                how = outcome::completed;
            } catch (...) {
                how = outcome::failed;
            }
        }
        client.finished(how);
    }

    const async_handler& serve_client_;
};

}  // namespace

result<void> serve_coroutines(listener& from, const async_handler& serve_client,
                              const serve_options& options, const std::stop_token& stop,
                              const std::stop_token& force) {
    const listener_use listening(from);
    if (listening.error() != 0) {
        return base::fail(listening.error(), "serve");
    }
    coroutine_server server(listening.descriptor(), serve_client, options);
    return server.run(stop, force);
}

}  // namespace weft::serving
