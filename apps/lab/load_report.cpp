// SPDX-License-Identifier: Apache-2.0
#include "load_report.h"

#include <algorithm>
#include <numeric>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "json_counts.h"
#include "units.h"

namespace weft::lab {

namespace {

using nlohmann::json;

constexpr std::array<std::string_view, load_error_count> error_names{
    "refused", "reset", "closed", "timed_out", "corrupt", "no_address", "no_descriptor", "other"};

json to_json(const error_counts& errors) {
    json document = json::object();
    for (std::size_t i = 0; i < load_error_count; ++i) {
        if (const auto count = errors[static_cast<load_error>(i)]; count != 0) {
            document[std::string(error_names[i])] = count;
        }
    }
    return document;
}

error_counts errors_from(const json& document) {
    error_counts errors;
    const auto& members = document.get_ref<const json::object_t&>();
    for (std::size_t i = 0; i < load_error_count; ++i) {
        if (const auto found = members.find(error_names[i]); found != members.end()) {
            errors.add(static_cast<load_error>(i), count_of(found->second));
        }
    }
    return errors;
}

json to_json(const generator_use& use) {
    return {{"cpu_share", use.cpu_share}, {"waiting_share", use.waiting_share}};
}

generator_use use_from(const json& document) {
    return {document.at("cpu_share").get<double>(), document.at("waiting_share").get<double>()};
}

histogram histogram_from(const json& document) {
    histogram value;
    if (!value.deserialize(counts_of(document))) {
        throw json::other_error::create(501, "not a histogram", &document);
    }
    return value;
}

/// Of generators side by side the busiest is the one that can be the bottleneck.
void merge_use(generator_use& use, const generator_use& other) noexcept {
    use.cpu_share = std::max(use.cpu_share, other.cpu_share);
    use.waiting_share = std::max(use.waiting_share, other.waiting_share);
}

}  // namespace

std::string_view name_of(load_error error) noexcept {
    return error_names[static_cast<std::size_t>(error)];
}

std::uint64_t error_counts::total() const noexcept {
    return std::accumulate(counts_.begin(), counts_.end(), std::uint64_t{0});
}

void error_counts::merge(const error_counts& other) noexcept {
    for (std::size_t i = 0; i < load_error_count; ++i) {
        counts_[i] += other.counts_[i];
    }
}

std::string text_of(const error_counts& errors) {
    std::vector<std::string> parts;
    for (std::size_t i = 0; i < load_error_count; ++i) {
        const auto kind = static_cast<load_error>(i);
        if (errors[kind] != 0) {
            parts.push_back(fmt::format("{} {}", text_of_count(errors[kind]), name_of(kind)));
        }
    }
    return fmt::format("{}", fmt::join(parts, ", "));
}

void connect_report::merge(const connect_report& other) {
    asked += other.asked;
    clients += other.clients;
    seconds = std::max(seconds, other.seconds);
    latency.merge(other.latency);
    errors.merge(other.errors);
    merge_use(use, other.use);
    interrupted = interrupted || other.interrupted;
}

void loop_report::merge(const loop_report& other) {
    clients += other.clients;
    active += other.active;
    requests += other.requests;
    requests_in_all += other.requests_in_all;
    seconds = std::max(seconds, other.seconds);
    latency.merge(other.latency);
    lag.merge(other.lag);
    errors.merge(other.errors);
    merge_use(use, other.use);
    interrupted = interrupted || other.interrupted;
}

void round_report::merge(const round_report& other) {
    asked += other.asked;
    answered += other.answered;
    errors.merge(other.errors);
    interrupted = interrupted || other.interrupted;
}

json to_json(const connect_report& report) {
    return {{"asked", report.asked},
            {"clients", report.clients},
            {"seconds", report.seconds},
            {"latency", report.latency.serialize()},
            {"errors", to_json(report.errors)},
            {"use", to_json(report.use)},
            {"interrupted", report.interrupted}};
}

json to_json(const loop_report& report) {
    return {{"clients", report.clients},     {"active", report.active},
            {"requests", report.requests},   {"requests_in_all", report.requests_in_all},
            {"seconds", report.seconds},     {"latency", report.latency.serialize()},
            {"lag", report.lag.serialize()}, {"errors", to_json(report.errors)},
            {"use", to_json(report.use)},    {"interrupted", report.interrupted}};
}

json to_json(const round_report& report) {
    return {{"asked", report.asked},
            {"answered", report.answered},
            {"errors", to_json(report.errors)},
            {"interrupted", report.interrupted}};
}

connect_report connect_report_from(const json& document) {
    connect_report report;
    report.asked = count_at(document, "asked");
    report.clients = count_at(document, "clients");
    document.at("seconds").get_to(report.seconds);
    report.latency = histogram_from(document.at("latency"));
    report.errors = errors_from(document.at("errors"));
    report.use = use_from(document.at("use"));
    document.at("interrupted").get_to(report.interrupted);
    return report;
}

loop_report loop_report_from(const json& document) {
    loop_report report;
    report.clients = count_at(document, "clients");
    report.active = count_at(document, "active");
    report.requests = count_at(document, "requests");
    report.requests_in_all = count_at(document, "requests_in_all");
    document.at("seconds").get_to(report.seconds);
    report.latency = histogram_from(document.at("latency"));
    report.lag = histogram_from(document.at("lag"));
    report.errors = errors_from(document.at("errors"));
    report.use = use_from(document.at("use"));
    document.at("interrupted").get_to(report.interrupted);
    return report;
}

round_report round_report_from(const json& document) {
    round_report report;
    report.asked = count_at(document, "asked");
    report.answered = count_at(document, "answered");
    report.errors = errors_from(document.at("errors"));
    document.at("interrupted").get_to(report.interrupted);
    return report;
}

}  // namespace weft::lab
