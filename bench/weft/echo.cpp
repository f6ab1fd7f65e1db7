// SPDX-License-Identifier: Apache-2.0
#include <weft/fiber.h>
#include <weft/runtime.h>
#include <weft/serve.h>
#include <weft/socket.h>

#include <array>
#include <atomic>
#include <cstdio>
#include <span>
#include <string>

#include "hog.h"
#include "workloads.h"

namespace bench {

namespace {

// As the other servers': large enough for the message, small enough for one page of stack.
constexpr std::size_t buffer_size = 1024;

void echo(weft::connection& client) {
    std::array<std::byte, buffer_size> buffer;
    while (true) {
        const auto count = client.read(buffer);
        if (!count || *count == 0 || !client.write(std::span(buffer).first(*count))) {
            return;
        }
    }
}

weft::task<> echo_coroutine(weft::async_connection& client) {
    std::array<std::byte, buffer_size> buffer;
    while (true) {
        const auto count = co_await client.read(buffer);
        if (!count || *count == 0) {
            co_return;
        }
        if (!co_await client.write(std::span(buffer).first(*count))) {
            co_return;
        }
    }
}

int failed(const weft::error& error) {
    std::fprintf(stderr, "bench_weft: %s\n", error.message().c_str());
    return 1;
}

/// `serve()` on the one worker of a runtime, where a fiber computes as well.
template <class Serve>
weft::result<void> beside_a_hog(const weft::runtime_options& options, Serve serve) {
    return weft::run(options, [&] {
        std::atomic<bool> stop{false};
        weft::fiber hog([&] { compute_until(stop); });
        const auto ended = serve();
        stop = true;
        return ended;
    });
}

}  // namespace

int serve_echo(std::string_view kind) {
    const bool no_preempt = kind == "no-preempt";
    const bool hog = kind == "hog";
    const bool fifo = kind == "fifo";
    const auto model = weft::parse_model(no_preempt || hog || fifo ? "fiber" : kind);
    if (!model) {
        return failed(model.error());
    }
    auto listener = weft::listener::bind(weft::endpoint::loopback(0));
    if (!listener) {
        return failed(listener.error());
    }
    const auto local = listener->local_endpoint();
    if (!local) {
        return failed(local.error());
    }
    std::printf("%u\n", static_cast<unsigned>(local->port()));
    std::fflush(stdout);

    weft::serve_options options;
    options.runtime.workers = 1;
    options.runtime.preempt = !no_preempt;
    options.runtime.fifo = fifo;
    const auto serve = [&] {
        return *model == weft::model::coroutine
                   ? weft::serve(*listener, weft::async_handler(echo_coroutine), options)
                   : weft::serve(*listener, *model, weft::handler(echo), options);
    };
    const auto ended = hog ? beside_a_hog(options.runtime, serve) : serve();
    return ended ? 0 : failed(ended.error());
}

}  // namespace bench
