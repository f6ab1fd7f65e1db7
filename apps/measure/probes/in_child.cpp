// SPDX-License-Identifier: Apache-2.0
#include "in_child.h"

#include <exception>
#include <stdexcept>
#include <string>
#include <utility>

#include <nlohmann/json.hpp>

#include "child.h"
#include "lab/control_channel.h"
#include "measure/findings_json.h"

namespace weft::measure {

namespace {

using nlohmann::json;

[[noreturn]] void be_the_child(lab::control_channel& parent, const probe_round& like,
                               const std::function<void(probe_round&)>& part) {
    json answer;
    try {
        probe_round own = like.anew();
        part(own);
        answer = as_json(own.found());
    } catch (const std::exception& error) {
        answer = {{"error", error.what()}};
    }
    ::_exit(parent.tell(answer) ? 0 : 1);
}

}  // namespace

void in_child(probe_round& round, const std::function<void(probe_round&)>& part) {
    auto ends = lab::control_channel::make_pair();
    if (!ends) {
        throw std::system_error(ends.error(), "socketpair");
    }
    const pid_t child = fork_child();
    if (child == 0) {
        ends->first.close();
        be_the_child(ends->second, round, part);
    }
    ends->second.close();
    const auto answer = ends->first.receive();
    wait_for(child);
    if (!answer) {
        throw std::runtime_error("a part of it died");
    }
    if (answer->contains("error")) {
        throw std::runtime_error(answer->at("error").get<std::string>());
    }
    round.merge(findings_from(*answer));
}

}  // namespace weft::measure
