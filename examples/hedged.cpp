// SPDX-License-Identifier: Apache-2.0
//
// Asks a server; if that has not answered after PATIENCE another one as well, and takes the first
// answer. Here they are timers; all times are milliseconds. What is asked is logged.
//     hedged FIRST SECOND PATIENCE
#include <weft/channel.h>
#include <weft/future.h>
#include <weft/runtime.h>
#include <weft/select.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <utility>

using log_channel = weft::channel<std::string>;

// A library that calls back when it is done, as many do.
static void library_ask(std::chrono::milliseconds time, std::function<void(std::string)> done) {
    weft::spawn([=] {
        weft::this_fiber::sleep_for(time);
        done("answer after " + std::to_string(time.count()) + " ms");
    }).detach();
}

// The same as a future.
static weft::future<std::string> ask(std::chrono::milliseconds time, const log_channel& log) {
    auto kept = std::make_shared<weft::promise<std::string>>();
    library_ask(time, [kept](std::string answer) { kept->set_value(std::move(answer)); });
    weft::select(weft::on_send(log, "asked " + std::to_string(time.count())),
                 weft::otherwise());  // the log is full: better a hole in it than a wait
    return kept->get_future();
}

static std::string first_answer(std::chrono::milliseconds one, std::chrono::milliseconds two,
                                weft::deadline patience, const log_channel& log) {
    auto first = ask(one, log);
    if (weft::when_any_until(patience, first)) {
        return first.get();
    }
    auto second = ask(two, log);
    return weft::when_any(first, second) == 0 ? first.get() : second.get();
}

int main(int argc, char** argv) {
    const auto number = [&](int i) { return i < argc ? std::atoi(argv[i]) : 0; };
    weft::run([&] {
        const log_channel log(2);
        const std::chrono::milliseconds one(number(1)), two(number(2)), patience(number(3));
        std::puts(first_answer(one, two, patience, log).c_str());
        log.close();
        for (const std::string& line : log) {
            std::puts(line.c_str());
        }
    });
}
