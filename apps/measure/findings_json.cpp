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
    for (const json& one : document.at("map")) {
        found.map.push_back({.kind = one.at("kind").get<std::string>(),
                             .name = one.at("name").get<std::string>(),
                             .from = one.at("from").get<std::uint64_t>(),
                             .to = one.at("to").get<std::uint64_t>(),
                             .reserved = one.at("reserved").get<double>(),
                             .resident = one.at("resident").get<double>(),
                             .own = one.at("own").get<double>(),
                             .copied = one.at("copied").get<double>()});
    }
    return found;
}

json as_json(const std::vector<address_part>& map) {
    json parts = json::array();
    for (const address_part& one : map) {
        parts.push_back({{"kind", one.kind},
                         {"name", one.name},
                         {"from", one.from},
                         {"to", one.to},
                         {"reserved", one.reserved},
                         {"resident", one.resident},
                         {"own", one.own},
                         {"copied", one.copied}});
    }
    return parts;
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
    return {
        {"records", std::move(records)}, {"facts", std::move(facts)}, {"map", as_json(found.map)}};
}

}  // namespace weft::measure
