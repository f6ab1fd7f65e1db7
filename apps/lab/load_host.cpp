// SPDX-License-Identifier: Apache-2.0
#include "load_host.h"

#include "control_channel.h"
#include "handlers.h"

#include <chrono>
#include <cstring>
#include <utility>

#include <nlohmann/json.hpp>

#include <weft/socket.h>

namespace weft::lab {

namespace {

using nlohmann::json;
using std::chrono::nanoseconds;

nanoseconds duration_from(const json& document, const char* name) {
    return nanoseconds(document.at(name).get<std::int64_t>());
}

std::vector<load_target> targets_from(const json& list) {
    std::vector<load_target> targets;
    for (const json& one : list) {
        const auto target = to_load_target({.endpoint = one.at("endpoint").get<std::string>(),
                                            .clients = one.at("clients").get<std::uint64_t>(),
                                            .first = one.at("first").get<std::uint64_t>()});
        if (!target) {
            throw json::other_error::create(501, "no endpoint", &one);
        }
        targets.push_back(*target);
    }
    return targets;
}

json connect(load_generator& generator, const json& command) {
    const auto targets = targets_from(command.at("targets"));
    return to_json(
        generator.connect(targets, {.in_flight = command.at("in_flight").get<std::uint64_t>(),
                                    .deadline = duration_from(command, "deadline")}));
}

json loop(load_generator& generator, const json& command) {
    return to_json(generator.loop({.stride = command.at("stride").get<std::uint64_t>(),
                                   .rate = command.at("rate").get<double>(),
                                   .warm_up = duration_from(command, "warm_up"),
                                   .duration = duration_from(command, "duration"),
                                   .grace = duration_from(command, "grace"),
                                   .seed = command.at("seed").get<std::uint64_t>()}));
}

json round(load_generator& generator, const json& command) {
    const auto poison = parse_poison(command.at("poison").get<std::string>());
    return to_json(generator.round({.stride = command.at("stride").get<std::uint64_t>(),
                                    .inverted = command.at("inverted").get<bool>(),
                                    .poison = poison.value_or(poison_kind::none),
                                    .deadline = duration_from(command, "deadline")}));
}

json obey_command(load_generator& generator, const json& command) {
    const auto name = command.at("do").get<std::string>();
    if (name == "connect") {
        return connect(generator, command);
    }
    if (name == "loop") {
        return loop(generator, command);
    }
    if (name == "round") {
        return round(generator, command);
    }
    if (name == "disconnect") {
        generator.disconnect();
        return json::object();
    }
    throw json::other_error::create(501, "no such command", &command);
}

std::size_t message_size_from(const json& setup) {
    const auto size = setup.at("message_size").get<std::size_t>();
    if (size < message_header_size || size > largest_message) {
        throw json::other_error::create(501, "no such message size", &setup);
    }
    return size;
}

}  // namespace

result<load_target> to_load_target(const named_target& named) {
    const auto where = endpoint::parse(named.endpoint);
    if (!where) {
        return std::unexpected(where.error());
    }
    load_target target;
    std::memcpy(&target.address, where->data(), where->size());
    target.address_size = where->size();
    target.clients = named.clients;
    target.first = named.first;
    return target;
}

json setup_command(std::size_t message_size) {
    return {{"do", "setup"}, {"message_size", message_size}};
}

json connect_command(const std::vector<named_target>& targets, const connect_request& request) {
    json list = json::array();
    for (const named_target& one : targets) {
        list.push_back(
            {{"endpoint", one.endpoint}, {"clients", one.clients}, {"first", one.first}});
    }
    return {{"do", "connect"},
            {"targets", std::move(list)},
            {"in_flight", request.in_flight},
            {"deadline", request.deadline.count()}};
}

json loop_command(const loop_request& request) {
    return {{"do", "loop"},
            {"stride", request.stride},
            {"rate", request.rate},
            {"warm_up", request.warm_up.count()},
            {"duration", request.duration.count()},
            {"grace", request.grace.count()},
            {"seed", request.seed}};
}

json round_command(const round_request& request) {
    return {{"do", "round"},
            {"stride", request.stride},
            {"inverted", request.inverted},
            {"poison", std::string(name_of(request.poison))},
            {"deadline", request.deadline.count()}};
}

json disconnect_command() {
    return {{"do", "disconnect"}};
}

int run_load_host(int control_fd) {
    control_channel control(control_fd);
    try {
        const auto setup = control.receive();
        if (!setup) {
            return 1;
        }
        load_generator generator({.message_size = message_size_from(*setup),
                                  .control_fd = control.fd(),
                                  .progress = [&control](std::uint64_t done, std::uint64_t total) {
                                      control.tell({{"progress", {done, total}}});
                                  }});
        for (;;) {
            const auto command = control.receive();
            if (!command) {
                return 0;
            }
            if (!control.send({{"report", obey_command(generator, *command)}})) {
                return 0;
            }
        }
    } catch (const json::exception& error) {
        control.tell({{"error", error.what()}});
        return 1;
    }
}

}  // namespace weft::lab
