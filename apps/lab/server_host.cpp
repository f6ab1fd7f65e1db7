// SPDX-License-Identifier: Apache-2.0
#include "server_host.h"

#include "control_channel.h"

#include <chrono>
#include <optional>
#include <string_view>
#include <utility>

#include <nlohmann/json.hpp>

#include <weft/serve.h>
#include <weft/socket.h>

namespace weft::lab {

namespace {

using nlohmann::json;

constexpr std::int64_t longest_drain_ms = 600'000;

model model_of(model_id which) {
    switch (which) {
        case model_id::process:
            return model::process;
        case model_id::thread:
            return model::thread;
        case model_id::fiber:
            return model::fiber;
        case model_id::coroutine:
            return model::coroutine;
    }
    std::unreachable();
}

template <class Number>
bool read_number(const json& document, const char* name, Number most, Number& into) {
    const auto found = document.find(name);
    if (found == document.end()) {
        return true;
    }
    if (!found->is_number_unsigned() ||
        found->get<std::uint64_t>() > static_cast<std::uint64_t>(most)) {
        return false;
    }
    into = found->get<Number>();
    return true;
}

json to_json(const serve_counters& counters) {
    return {{"accepted", counters.accepted.load()},
            {"refused", counters.refused.load()},
            {"completed", counters.completed.load()},
            {"failed", counters.failed.load()},
            {"crashed", counters.crashed.load()}};
}

result<void> serve_as(const server_config& config, listener& from, serve_options options) {
    if (config.model == model_id::coroutine) {
        return serve(from, make_async_handler(config.what, config.message_size),
                     std::move(options));
    }
    return serve(from, model_of(config.model), make_handler(config.what, config.message_size),
                 std::move(options));
}

int fail(control_channel& control, const std::string& text) {
    static_cast<void>(control.send({{"error", text}}));
    return 1;
}

}  // namespace

json to_json(const server_config& config) {
    return {{"model", name_of(config.model)},
            {"handler", to_string(config.what)},
            {"message_size", config.message_size},
            {"workers", config.workers},
            {"thread_stack", config.thread_stack},
            {"fiber_stack", config.fiber_stack},
            {"drain_ms", static_cast<std::uint64_t>(config.drain_ms)}};
}

std::expected<server_config, std::string> server_config_from(const json& document) {
    const auto text_of = [&document](const char* name) {
        const auto found = document.find(name);
        return found != document.end() && found->is_string() ? found->get<std::string>()
                                                             : std::string();
    };
    server_config config;
    std::optional<model_id> which;
    for (const model_id one : all_models) {
        if (name_of(one) == text_of("model")) {
            which = one;
        }
    }
    if (!which) {
        return std::unexpected("no such model");
    }
    config.model = *which;
    const auto what = parse_work(text_of("handler"));
    if (!what) {
        return std::unexpected(what.error());
    }
    config.what = *what;
    constexpr std::size_t largest_stack = std::size_t{1} << 32;
    if (!read_number(document, "message_size", largest_message, config.message_size) ||
        config.message_size < message_header_size ||
        !read_number(document, "workers", 1024U, config.workers) ||
        !read_number(document, "thread_stack", largest_stack, config.thread_stack) ||
        !read_number(document, "fiber_stack", largest_stack, config.fiber_stack) ||
        !read_number(document, "drain_ms", longest_drain_ms, config.drain_ms)) {
        return std::unexpected("a number is missing or out of its range");
    }
    return config;
}

server_counts server_counts_from(const json& document) {
    const auto count_of = [&document](const char* name) {
        const auto found = document.find(name);
        return found != document.end() && found->is_number_unsigned() ? found->get<std::uint64_t>()
                                                                      : std::uint64_t{0};
    };
    return {.accepted = count_of("accepted"),
            .refused = count_of("refused"),
            .completed = count_of("completed"),
            .failed = count_of("failed"),
            .crashed = count_of("crashed")};
}

int run_server_host(int control_fd) {
    control_channel control(control_fd);
    const auto document = control.receive();
    if (!document) {
        return 1;
    }
    const auto config = server_config_from(*document);
    if (!config) {
        return fail(control, config.error());
    }
    auto from = listener::bind(endpoint::loopback(0));
    if (!from) {
        return fail(control, "listen: " + from.error().message());
    }
    const auto where = from->local_endpoint();
    if (!where) {
        return fail(control, "listen: " + where.error().message());
    }
    serve_counters counters;
    serve_options options;
    options.drain = std::chrono::milliseconds(config->drain_ms);
    options.thread_stack_size = config->thread_stack;
    options.handle_signals = true;
    options.counters = &counters;
    options.runtime.workers = config->workers;
    if (config->fiber_stack != 0) {
        options.runtime.stack_size = config->fiber_stack;
    }
    // Clients that come before serve() runs wait in the listener's queue.
    if (!control.send({{"ready", {{"endpoint", where->to_string()}}}})) {
        return 1;
    }
    const auto served = serve_as(*config, *from, std::move(options));
    if (!served) {
        return fail(control, "serve: " + served.error().message());
    }
    return control.send({{"counters", to_json(counters)}}) ? 0 : 1;
}

}  // namespace weft::lab
