// SPDX-License-Identifier: Apache-2.0
#include "load_run.h"

#include "limits.h"
#include "load_generator.h"
#include "load_host.h"
#include "proc_metrics.h"

#include <array>
#include <chrono>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace weft::lab {

namespace {

std::chrono::nanoseconds nanoseconds_of(double seconds) {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(
        std::chrono::duration<double>(seconds));
}

std::uint64_t server_cpu_ns(pid_t server) {
    return server > 0 ? cpu_time_ns(process_tree(std::array{server})) : 0;
}

double per_second(const loop_report& loop) {
    return loop.seconds > 0 ? static_cast<double>(loop.requests) / loop.seconds : 0;
}

double microseconds(const histogram& latency, double fraction) {
    return static_cast<double>(latency.quantile(fraction)) / 1000;
}

std::uint64_t errors_of(const load_run_report& report) {
    return report.connect.errors.total() + report.loop.errors.total();
}

}  // namespace

std::expected<load_run_report, std::string> run_load(const load_run_options& options, int stop_fd) {
    raise_soft_limits();
    const auto target =
        to_load_target({.endpoint = options.connect, .clients = options.clients, .first = 0});
    if (!target) {
        return std::unexpected(target.error().message());
    }
    load_generator generator(
        {.message_size = options.message_size, .control_fd = stop_fd, .progress = {}});
    load_run_report report;
    report.connect = generator.connect(std::span(&*target, 1), {});
    if (report.connect.clients == 0) {
        return std::unexpected(
            fmt::format("no client got an answer ({})", text_of(report.connect.errors)));
    }
    const std::uint64_t before = server_cpu_ns(options.server_pid);
    report.loop = generator.loop(
        {.rate = options.rate, .duration = nanoseconds_of(options.duration_seconds)});
    const std::uint64_t used = server_cpu_ns(options.server_pid) - before;
    if (report.loop.requests_in_all > 0) {
        report.cpu_us_per_request =
            static_cast<double>(used) / 1000 / static_cast<double>(report.loop.requests_in_all);
    }
    return report;
}

std::string load_as_json(const load_run_options& options, const load_run_report& report) {
    nlohmann::json document = {
        {"clients", report.connect.clients},
        {"message_size", options.message_size},
        {"seconds", report.loop.seconds},
        {"requests", report.loop.requests},
        {"requests_per_second", per_second(report.loop)},
        {"latency_us_p50", microseconds(report.loop.latency, 0.5)},
        {"latency_us_p99", microseconds(report.loop.latency, 0.99)},
        {"latency_us_p999", microseconds(report.loop.latency, 0.999)},
        {"load_cpu_share", report.loop.use.cpu_share},
        {"errors", errors_of(report)},
        {"interrupted", report.connect.interrupted || report.loop.interrupted},
    };
    if (options.server_pid > 0) {
        document["cpu_us_per_request"] = report.cpu_us_per_request;
    }
    return document.dump() + "\n";
}

std::string load_as_text(const load_run_options& options, const load_run_report& report) {
    std::string text = fmt::format(
        "{} clients, {} bytes: {:.0f} requests/s, p50 {:.0f} us, p99 {:.0f} us, p99.9 {:.0f} us\n",
        report.connect.clients, options.message_size, per_second(report.loop),
        microseconds(report.loop.latency, 0.5), microseconds(report.loop.latency, 0.99),
        microseconds(report.loop.latency, 0.999));
    if (options.server_pid > 0) {
        text += fmt::format("server: {:.2f} us of CPU per request\n", report.cpu_us_per_request);
    }
    if (report.loop.use.cpu_share > 0.9) {
        text += fmt::format("the load generator used {:.0f} % of a CPU: it may be the limit\n",
                            100 * report.loop.use.cpu_share);
    }
    if (const std::uint64_t errors = errors_of(report); errors != 0) {
        text += fmt::format("{} clients or requests failed\n", errors);
    }
    return text;
}

}  // namespace weft::lab
