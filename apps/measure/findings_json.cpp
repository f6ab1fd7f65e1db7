// SPDX-License-Identifier: Apache-2.0
#include "findings_json.h"

#include <utility>

#include <nlohmann/json.hpp>

namespace weft::measure {

using nlohmann::json;

findings findings_from(const json& document) {
    findings found;
    for (const json& one : document.at("records")) {
        found.records.push_back({.figure = one.at("figure").get<std::string>(),
                                 .at = one.at("at").get<double>(),
                                 .samples = one.at("samples").get<std::vector<double>>()});
    }
    for (const json& one : document.at("facts")) {
        found.facts.push_back(
            {.name = one.at("name").get<std::string>(), .text = one.at("text").get<std::string>()});
    }
    return found;
}

json as_json(const findings& found) {
    json records = json::array();
    for (const record& one : found.records) {
        records.push_back({{"figure", one.figure}, {"at", one.at}, {"samples", one.samples}});
    }
    json facts = json::array();
    for (const fact& one : found.facts) {
        facts.push_back({{"name", one.name}, {"text", one.text}});
    }
    return {{"records", std::move(records)}, {"facts", std::move(facts)}};
}

}  // namespace weft::measure
