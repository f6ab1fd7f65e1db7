// SPDX-License-Identifier: Apache-2.0
#include "server_host.h"

#include "clients_options.h"
#include "control_channel.h"
#include "json_counts.h"

#include <chrono>
#include <string>
#include <utility>

#include <nlohmann/json.hpp>

#include <weft/serve.h>
#include <weft/socket.h>

namespace weft::lab {

namespace {

using nlohmann::json;

constexpr std::uint64_t longest_drain_ms = 600'000;

/// A number of a member; throws when there is none or it is not within the bounds.
std::uint64_t number_within(const json& document, const char* name, std::uint64_t least,
                            std::uint64_t most) {
    const json& value = document.at(name);
    if (!value.is_number_unsigned() || value.get<std::uint64_t>() < least ||
        value.get<std::uint64_t>() > most) {
        throw json::other_error::create(501, std::string(name) + " is out of its range", &document);
    }
    return value.get<std::uint64_t>();
}

/// 0 stands for the library's choice.
std::uint64_t stack_from(const json& document, const char* name) {
    return document.at(name) == 0 ? 0
                                  : number_within(document, name, smallest_stack, largest_stack);
}

json to_json(const serve_counters& counters) {
    return {{"refused", counters.refused.load()},
            {"failed", counters.failed.load()},
            {"crashed", counters.crashed.load()}};
}

result<void> serve_as(const server_config& config, listener& from, serve_options options) {
    if (config.model == model_id::coroutine) {
        return serve(from, make_async_handler(config.what, config.message_size),
                     std::move(options));
    }
    const auto which = parse_model(name_of(config.model));
    if (!which) {
        return std::unexpected(which.error());
    }
    return serve(from, *which, make_handler(config.what, config.message_size), std::move(options));
}

int fail(control_channel& control, const std::string& text) {
    control.tell({{"error", text}});
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
    try {
        const auto name = document.at("model").get<std::string>();
        const auto which = model_named(name);
        if (!which) {
            return std::unexpected("no model '" + name + "'");
        }
        const auto what = parse_work(document.at("handler").get<std::string>());
        if (!what) {
            return std::unexpected(what.error());
        }
        return server_config{
            .model = *which,
            .what = *what,
            .message_size =
                number_within(document, "message_size", message_header_size, largest_message),
            .workers = static_cast<unsigned>(number_within(document, "workers", 0, most_workers)),
            .thread_stack = stack_from(document, "thread_stack"),
            .fiber_stack = stack_from(document, "fiber_stack"),
            .drain_ms = static_cast<std::int64_t>(
                number_within(document, "drain_ms", 0, longest_drain_ms))};
    } catch (const json::exception& error) {
        return std::unexpected(error.what());
    }
}

server_counts server_counts_from(const json& document) {
    return {.refused = count_at(document, "refused"),
            .failed = count_at(document, "failed"),
            .crashed = count_at(document, "crashed")};
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
