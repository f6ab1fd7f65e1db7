// SPDX-License-Identifier: Apache-2.0
#include "common/harness.h"

#include <sys/resource.h>
#include <time.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

namespace bench {

namespace {

struct options {
    std::size_t size = 0;
    std::size_t repeat = 0;
    std::size_t workers = 1;
};

std::optional<std::size_t> positive_number(std::string_view text) {
    std::size_t value = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || value == 0) {
        return std::nullopt;
    }
    return value;
}

std::optional<options> parsed(std::span<const char* const> arguments, const workload& chosen) {
    options result{.size = chosen.default_size, .repeat = chosen.default_repeat};
    for (std::size_t i = 0; i < arguments.size(); i += 2) {
        if (i + 1 == arguments.size()) {
            return std::nullopt;
        }
        const std::string_view name = arguments[i];
        const auto number = positive_number(arguments[i + 1]);
        if (!number) {
            return std::nullopt;
        }
        if (name == "--size") {
            result.size = *number;
        } else if (name == "--repeat") {
            result.repeat = *number;
        } else if (name == "--workers" && chosen.run_on) {
            result.workers = *number;
        } else {
            return std::nullopt;
        }
    }
    return result;
}

double median(std::vector<double> values) {
    std::ranges::sort(values);
    const std::size_t middle = values.size() / 2;
    return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

/// `, "name": median` for each of the figures beside the main one, and their units.
std::string other_figures(const std::vector<cost>& costs) {
    std::string text;
    std::string units;
    for (std::size_t i = 0; i < costs.front().others.size(); ++i) {
        std::vector<double> values;
        for (const cost& one : costs) {
            values.push_back(one.others[i].value);
        }
        text.append(",\"").append(costs.front().others[i].name).append("\":");
        text.append(std::to_string(median(std::move(values))));
        if (const figure& one = costs.front().others[i]; !one.unit.empty()) {
            units.append(units.empty() ? "" : ",");
            units.append("\"").append(one.name).append("\":\"").append(one.unit).append("\"");
        }
    }
    return units.empty() ? text : text + ",\"units\":{" + units + "}";
}

void print(std::string_view program, const workload& chosen, const options& with,
           const std::vector<cost>& costs) {
    std::vector<double> values;
    std::vector<double> walls;
    for (const cost& one : costs) {
        values.push_back(one.value);
        walls.push_back(one.wall);
    }
    const auto [low, high] = std::ranges::minmax(values);
    std::printf(
        "{\"program\":\"%.*s\",\"metric\":\"%.*s\",\"value\":%.3f,\"unit\":\"%.*s\",\"min\":%.3f,"
        "\"max\":%.3f,\"wall\":%.3f%s,\"size\":%zu,\"repeat\":%zu,\"workers\":%zu,\"version\":\"%"
        "s\"}\n",
        static_cast<int>(program.size()), program.data(), static_cast<int>(chosen.name.size()),
        chosen.name.data(), median(values), static_cast<int>(chosen.unit.size()),
        chosen.unit.data(), low, high, median(walls), other_figures(costs).c_str(), with.size,
        costs.size(), with.workers, __VERSION__);
}

int usage(std::string_view program, std::span<const workload> workloads) {
    std::string names;
    for (const workload& each : workloads) {
        names.append(names.empty() ? "" : "|").append(each.name);
    }
    std::fprintf(stderr, "usage: %.*s %s [--size N] [--repeat R] [--workers W]\n",
                 static_cast<int>(program.size()), program.data(), names.c_str());
    return 2;
}

/// The figure behind `name` in a file of /proc, in bytes.
std::int64_t kilobytes(const char* path, const std::string& name) {
    std::ifstream file(path);
    std::string word;
    while (file >> word) {
        if (word == name) {
            std::int64_t value = 0;
            file >> value;
            return value * 1024;
        }
    }
    std::fprintf(stderr, "%s has no %s\n", path, name.c_str());
    std::exit(2);
}

}  // namespace

cost timed(std::size_t count, const std::function<void()>& what) {
    const auto start = std::chrono::steady_clock::now();
    const std::int64_t start_cpu = cpu_nanoseconds();
    what();
    const std::int64_t used = cpu_nanoseconds() - start_cpu;
    const std::chrono::duration<double, std::nano> wall = std::chrono::steady_clock::now() - start;
    const auto operations = static_cast<double>(count);
    return {.value = static_cast<double>(used) / operations, .wall = wall.count() / operations};
}

std::int64_t cpu_nanoseconds() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    const auto nanoseconds = [](const timeval& time) {
        return (static_cast<std::int64_t>(time.tv_sec) * 1'000'000 + time.tv_usec) * 1000;
    };
    return nanoseconds(usage.ru_utime) + nanoseconds(usage.ru_stime);
}

std::int64_t thread_cpu_nanoseconds() {
    timespec used{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    return used.tv_sec * 1'000'000'000 + used.tv_nsec;
}

double percentile(std::vector<double> values, double percent) {
    const double last = static_cast<double>(values.size() - 1);
    const auto place = values.begin() + std::lround(last * percent / 100);
    std::ranges::nth_element(values, place);
    return *place;
}

std::int64_t memory_bytes() {
    // smaps_rollup counts pages; VmRSS of status may lag behind by the kernel's per-CPU counters.
    return kilobytes("/proc/self/smaps_rollup", "Rss:") + kilobytes("/proc/self/status", "VmPTE:");
}

int run_main(std::string_view program, std::span<const workload> workloads, int argc,
             const char* const* argv) {
    const std::span<const char* const> words(argv, static_cast<std::size_t>(argc));
    if (words.size() < 2) {
        return usage(program, workloads);
    }
    const auto chosen = std::ranges::find(workloads, words[1], &workload::name);
    if (chosen == workloads.end()) {
        return usage(program, workloads);
    }
    const auto with = parsed(words.subspan(2), *chosen);
    if (!with) {
        return usage(program, workloads);
    }
    std::vector<cost> costs;
    try {
        for (std::size_t i = 0; i < (chosen->once ? 1 : with->repeat); ++i) {
            costs.push_back(chosen->run_on
                                ? chosen->run_on(with->size, static_cast<unsigned>(with->workers))
                                : chosen->run(with->size));
        }
    } catch (const std::exception& error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 1;
    }
    print(program, *chosen, *with, costs);
    return 0;
}

}  // namespace bench
