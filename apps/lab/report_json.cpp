// SPDX-License-Identifier: Apache-2.0
#include "report_json.h"

#include <nlohmann/json.hpp>

#include "statistics.h"
#include "summary.h"
#include "verdicts.h"

namespace weft::lab {

using nlohmann::json;

namespace {

json verdicts_as_json(const results& run) {
    json list = json::array();
    for (const verdict& one : verdicts_of(run)) {
        list.push_back({{"claim", one.claim},
                        {"subject", one.subject},
                        {"claimed", one.claimed},
                        {"measured", one.measured},
                        {"conclusion", one.conclusion},
                        {"mark", name_of(one.mark)}});
    }
    return list;
}

}  // namespace

json summary_as_json(const results& run) {
    json summary = json::object();
    for (const model_result& model : run.models) {
        json figures = json::object();
        for (const metric& figure : metrics()) {
            if (const auto value = estimate_of(model, figure)) {
                figures[std::string(figure.id)] = {{"median", value->median},
                                                   {"min", value->min},
                                                   {"max", value->max},
                                                   {"deviation", value->deviation},
                                                   {"count", value->count}};
            }
        }
        summary[std::string(name_of(model.model))] = std::move(figures);
    }
    return summary;
}

std::string report_as_json(const results& run) {
    json document = to_json(run);
    document["summary"] = summary_as_json(run);
    document["verdicts"] = verdicts_as_json(run);
    return document.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

}  // namespace weft::lab
