// SPDX-License-Identifier: Apache-2.0
#include "serve/fiber_server.h"

#include <weft/fiber.h>

#include "base/error.h"
#include "serve/runtime_server.h"

namespace weft::serving {

namespace {

class fiber_server final : public runtime_server {
public:
    fiber_server(io::poll_descriptor& listener, const handler& serve_client,
                 const serve_options& options) noexcept
        : runtime_server(listener, options), serve_client_(serve_client) {}

private:
    /// Two words, so that it fits into the fiber's control block.
    struct connection_fiber {
        served_client client;

        void operator()() {
            auto& server = static_cast<fiber_server&>(client.server());
            client.finished(
                server.state().serve(server.serve_client_, client.take_socket(), server.proto()));
        }
    };
    static_assert(detail::stored_inline<connection_fiber>);

    void start(served_client client) override {
        // The name stands in reports of overflows and crashes.
        fiber({.name = "client"}, connection_fiber{std::move(client)}).detach();
    }

    const handler& serve_client_;
};

}  // namespace

result<void> serve_fibers(listener& from, const handler& serve_client, const serve_options& options,
                          const std::stop_token& stop, const std::stop_token& force) {
    const listener_use listening(from);
    if (listening.error() != 0) {
        return base::fail(listening.error(), "serve");
    }
    fiber_server server(listening.descriptor(), serve_client, options);
    return server.run(stop, force);
}

}  // namespace weft::serving
