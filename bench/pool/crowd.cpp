// SPDX-License-Identifier: Apache-2.0
//
// Many clients of a PostgreSQL server or pooler, each a fiber of one worker:
//
//     bench_pool_crowd connect ADDRESS COUNT [--tls] [--user NAME --password TEXT]
//     bench_pool_crowd load ADDRESS SECONDS GROUP...
//
// `connect`: all at once; tells when they were ready, and holds them until its standard input ends.
// `load`: a GROUP is NAME,COUNT,USER,THINK_MS,SQL: so many clients that think and ask in turns.
// Both print one line of JSON. Exit status 1 with a sentence when anything went wrong: figures of a
// run with errors mean nothing.
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <exception>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <common/harness.h>
#include <weft/blocking.h>
#include <weft/fiber.h>
#include <weft/runtime.h>
#include <weft/time.h>
#include <weft/wait_group.h>

#include "crowd_client.h"

namespace {

using words = std::span<const char* const>;

class usage_error : public std::invalid_argument {
    using std::invalid_argument::invalid_argument;
};

double number(std::string_view text) {
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || value < 0) {
        throw usage_error("no number: " + std::string(text));
    }
    return value;
}

weft::endpoint address(std::string_view text) {
    const auto parsed = weft::endpoint::parse(text);
    if (!parsed) {
        throw usage_error("no address: " + std::string(text));
    }
    return *parsed;
}

double milliseconds_since(weft::clock::time_point start) {
    return std::chrono::duration<double, std::milli>(weft::clock::now() - start).count();
}

/// The first failure of all clients.
class failures {
public:
    void note(std::exception_ptr what) {
        if (!first_) {
            first_ = std::move(what);
        }
    }
    void rethrow() const {
        if (first_) {
            std::rethrow_exception(first_);
        }
    }

private:
    std::exception_ptr first_;  // one worker without preemption: nobody is beside note()
};

/// Runs `each(index)` on a fiber of its own, `count` times; throws what the first that failed did.
template <class Callable>
void on_fibers(std::size_t count, const Callable& each) {
    failures failed;
    std::vector<weft::fiber> fibers;
    fibers.reserve(count);
    for (std::size_t index = 0; index < count; ++index) {
        fibers.push_back(weft::spawn([&failed, &each, index] {
            try {
                each(index);
            } catch (...) {
                failed.note(std::current_exception());
            }
        }));
    }
    for (weft::fiber& fiber : fibers) {
        fiber.join();
    }
    failed.rethrow();
}

void print_percentiles(const char* prefix, const std::vector<double>& values) {
    for (const double percent : {50.0, 90.0, 99.0, 100.0}) {
        std::printf("\"%sp%.0f\": %.3f, ", prefix, percent, bench::percentile(values, percent));
    }
}

void wait_for_end_of_input() {
    weft::blocking([] {
        char ignored = 0;
        while (::read(STDIN_FILENO, &ignored, 1) > 0) {
        }
    });
}

int connect(words arguments) {
    if (arguments.size() < 2) {
        throw usage_error("connect ADDRESS COUNT [--tls] [--user NAME --password TEXT]");
    }
    bench::login as{.address = address(arguments[0])};
    const auto count = static_cast<std::size_t>(number(arguments[1]));
    for (std::size_t at = 2; at < arguments.size(); ++at) {
        const std::string_view word = arguments[at];
        if (word == "--tls") {
            as.tls = weft::tls_context::client({.check = weft::tls_check::none}).value();
        } else if (word == "--user" && at + 1 < arguments.size()) {
            as.user = arguments[++at];
        } else if (word == "--password" && at + 1 < arguments.size()) {
            as.password = arguments[++at];
        } else {
            throw usage_error("unknown: " + std::string(word));
        }
    }
    std::vector<std::unique_ptr<bench::crowd_client>> clients(count);
    std::vector<double> ready(count);
    const auto start = weft::clock::now();
    on_fibers(count, [&](std::size_t index) {
        clients[index] = std::make_unique<bench::crowd_client>(as);
        ready[index] = milliseconds_since(start);
    });
    std::printf("{\"clients\": %zu, ", count);
    print_percentiles("ready_ms_", ready);
    std::printf("\"unit\": \"ms\"}\n");
    std::fflush(stdout);
    wait_for_end_of_input();
    for (const auto& client : clients) {
        client->finish();
    }
    return 0;
}

struct group {
    std::string name;
    std::size_t count = 0;
    std::string user;
    std::chrono::duration<double, std::milli> think{};
    std::string sql;
    std::vector<double> latencies = {};  // milliseconds
};

group group_from(std::string_view text) {
    std::vector<std::string> parts;
    for (int part = 0; part < 4; ++part) {
        const std::size_t comma = text.find(',');
        if (comma == std::string_view::npos) {
            throw usage_error("a group is NAME,COUNT,USER,THINK_MS,SQL");
        }
        parts.emplace_back(text.substr(0, comma));
        text.remove_prefix(comma + 1);
    }
    return {.name = parts[0],
            .count = static_cast<std::size_t>(number(parts[1])),
            .user = parts[2],
            .think = std::chrono::duration<double, std::milli>(number(parts[3])),
            .sql = std::string(text)};
}

/// A client of `of`, until the end. Answers that come later do not count.
void ask_in_turns(group& of, const weft::endpoint& where, weft::wait_group& ready,
                  std::chrono::duration<double> seconds) {
    bench::crowd_client client({.address = where, .user = of.user});
    ready.done();
    ready.wait();
    const auto end = weft::clock::now() + seconds;
    while (weft::clock::now() < end) {
        if (of.think.count() > 0) {
            (void)weft::this_fiber::sleep_for(of.think);
        }
        const auto start = weft::clock::now();
        client.run(of.sql);
        if (weft::clock::now() <= end) {
            of.latencies.push_back(milliseconds_since(start));
        }
    }
    client.finish();
}

int load(words arguments) {
    if (arguments.size() < 3) {
        throw usage_error("load ADDRESS SECONDS GROUP...");
    }
    const weft::endpoint where = address(arguments[0]);
    const std::chrono::duration<double> seconds(number(arguments[1]));
    std::vector<group> groups;
    std::vector<std::size_t> group_of;
    for (const char* const text : arguments.subspan(2)) {
        groups.push_back(group_from(text));
        group_of.resize(group_of.size() + groups.back().count, groups.size() - 1);
    }
    weft::wait_group ready(group_of.size());
    on_fibers(group_of.size(), [&](std::size_t index) {
        ask_in_turns(groups[group_of[index]], where, ready, seconds);
    });
    std::printf("{");
    for (const group& each : groups) {
        if (!each.latencies.empty()) {
            print_percentiles((each.name + "_ms_").c_str(), each.latencies);
        }
        std::printf("\"%s_count\": %zu, \"%s_per_second\": %.2f, ", each.name.c_str(),
                    each.latencies.size(), each.name.c_str(),
                    static_cast<double>(each.latencies.size()) / seconds.count());
    }
    std::printf("\"unit\": \"ms\"}\n");
    return 0;
}

int run(words arguments) {
    const std::string_view command = arguments.empty() ? "" : arguments.front();
    if (command == "connect") {
        return connect(arguments.subspan(1));
    }
    if (command == "load") {
        return load(arguments.subspan(1));
    }
    throw usage_error("connect or load");
}

}  // namespace

int main(int argc, char** argv) {
    try {
        return weft::run({.workers = 1, .preempt = false}, [&] {
            return run(words(argv, static_cast<std::size_t>(argc)).subspan(1));
        });
    } catch (const usage_error& error) {
        std::fprintf(stderr, "bench_pool_crowd: %s\n", error.what());
        return 2;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "bench_pool_crowd: %s\n", error.what());
        return 1;
    }
}
