// SPDX-License-Identifier: Apache-2.0
#include "round_host.h"

#include <array>
#include <chrono>
#include <exception>
#include <utility>

#include <fmt/format.h>
#include <poll.h>
#include <nlohmann/json.hpp>

#include "findings_json.h"
#include "lab/child_process.h"
#include "lab/control_channel.h"
#include "lab/json_counts.h"
#include "lab/system_calls.h"

namespace weft::measure {

namespace {

using namespace std::chrono_literals;
using nlohmann::json;

/// A probe keeps to its time; one that does not is broken, or the machine is.
constexpr double patience = 10;
constexpr auto least_patience = 60s;
/// A server of its needs some to leave nothing behind.
constexpr auto time_to_end = 5s;

std::unexpected<round_failure> failed(std::string reason) {
    return std::unexpected(round_failure{.reason = std::move(reason)});
}

/// Until the child has said something, or the user wants an end.
void wait_for_either(const lab::control_channel& control, const lab::interrupts& signals,
                     deadline until) {
    std::array<pollfd, 2> either{{{.fd = signals.fd(), .events = POLLIN, .revents = 0},
                                  {.fd = control.fd(), .events = POLLIN, .revents = 0}}};
    while (::poll(either.data(), either.size(), lab::milliseconds_until(until)) <= 0 &&
           !until.expired()) {
    }
}

}  // namespace

std::expected<findings, round_failure> run_round(const round_request& request,
                                                 const lab::interrupts& signals) {
    auto child = lab::child_process::start({"_measure"});
    if (!child) {
        return failed("starting it: " + child.error().message());
    }
    child->control().tell({{"probe", request.probe->name},
                           {"seconds", request.seconds},
                           {"quick", request.quick},
                           {"seed", request.seed},
                           {"folder", request.folder.string()}});
    const deadline until(least_patience +
                         std::chrono::duration_cast<std::chrono::milliseconds>(
                             std::chrono::duration<double>(patience * request.seconds)));
    wait_for_either(child->control(), signals, until);
    if (signals.requested()) {
        child->end_all(time_to_end);
        return std::unexpected(round_failure{.how = round_end::interrupted, .reason = ""});
    }
    const auto answer = child->control().receive(until);
    if (!answer) {
        const std::string words = child->stderr_tail();
        child->end_all(time_to_end);
        return failed(answer.error() == std::errc::timed_out ? "it did not end in time"
                      : words.empty()                        ? "it died"
                                                             : "it died: " + words);
    }
    try {
        if (answer->contains("error")) {
            return failed(answer->at("error").get<std::string>());
        }
        return findings_from(*answer);
    } catch (const json::exception& error) {
        return failed(fmt::format("its report: {}", error.what()));
    }
}

int run_round_host(int control_fd) {
    lab::control_channel control(control_fd);
    const auto request = control.receive();
    if (!request) {
        return 1;
    }
    try {
        const probe* const asked = find_probe(request->at("probe").get<std::string>());
        if (asked == nullptr) {
            return control.tell({{"error", "there is no such probe"}}) ? 0 : 1;
        }
        probe_round round(request->at("seconds").get<double>(), request->at("quick").get<bool>(),
                          lab::count_at(*request, "seed"),
                          request->at("folder").get<std::string>());
        asked->run(round);
        return control.tell(as_json(round.found())) ? 0 : 1;
    } catch (const std::exception& error) {
        return control.tell({{"error", error.what()}}) ? 0 : 1;
    }
}

}  // namespace weft::measure
