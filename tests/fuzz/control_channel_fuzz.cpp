// SPDX-License-Identifier: Apache-2.0
//
// What a load generator or a server may write into its control channel: lines, of which each is
// taken for every kind of report. Whatever comes is an error or a report whose figures make sense.
#include <array>
#include <cstdint>
#include <string>
#include <system_error>
#include <utility>

#include <sys/socket.h>
#include <unistd.h>
#include <weft/error.h>
#include <nlohmann/json.hpp>

#include "lab/control_channel.h"
#include "lab/histogram.h"
#include "lab/load_report.h"
#include "lab/server_host.h"
#include "require.h"

namespace {

using namespace weft::lab;
using nlohmann::json;
using weft::fuzz::require;

// What a socket pair takes without a reader.
constexpr std::size_t most_bytes = 65'536;

void check_histogram(const histogram& one) {
    std::int64_t last = one.minimum();
    for (const double fraction : {0.0, 0.5, 0.99, 1.0}) {
        const std::int64_t value = one.quantile(fraction);
        require(value >= last && value <= one.maximum(), "quantiles ascend");
        last = value;
    }
    std::uint64_t count = 0;
    for (const auto& [bound, times] : one.buckets()) {
        count += times;
    }
    require(count == one.count(), "the counts of the buckets add up");
    histogram again;
    require(again.deserialize(one.serialize()) && again.serialize() == one.serialize(),
            "a histogram survives the channel");
}

template <class Report, class Check>
void try_as(Report (*parse)(const json&), const json& line, Check check) {
    try {
        Report report = parse(line);
        report.merge(parse(line));
        check(report);
        to_json(report);
        text_of(report.errors);
    } catch (const json::exception&) {
        // that is how it says that something is missing
    }
}

void check_line(const json& line) {
    try_as(connect_report_from, line,
           [](const connect_report& report) { check_histogram(report.latency); });
    try_as(loop_report_from, line, [](const loop_report& report) {
        check_histogram(report.latency);
        check_histogram(report.lag);
    });
    try_as(round_report_from, line, [](const round_report&) {});
    try {
        server_counts_from(line);
    } catch (const json::exception&) {
    }
    if (const auto config = server_config_from(line)) {
        require(server_config_from(to_json(*config)).has_value(), "a config survives the channel");
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    std::array<int, 2> ends{};
    if (size > most_bytes ||
        ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
        return 0;
    }
    control_channel channel(ends[0]);
    const bool sent = ::send(ends[1], bytes, size, 0) == static_cast<ssize_t>(size);
    ::close(ends[1]);
    require(sent, "the socket pair takes it");
    for (;;) {
        const auto line = channel.receive();
        if (line) {
            check_line(*line);
        } else if (line.error() != std::errc::bad_message) {
            require(line.error() == make_error_code(weft::errc::unexpected_end_of_stream),
                    "it ends with the peer");
            return 0;
        }
    }
}
