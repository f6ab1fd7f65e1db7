// SPDX-License-Identifier: Apache-2.0
//
// Runs a command for each file, several at a time, and shows what each has said, in order, as
// "xargs -P" does not. A command that takes longer than 10 s is killed.
//     run_each "COMMAND ARGUMENT..." FILE...
#include <weft/future.h>
#include <weft/process.h>
#include <weft/scope.h>
#include <weft/semaphore.h>

#include <chrono>
#include <cstdio>
#include <iterator>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

using namespace std::chrono_literals;

static std::string run_on(const std::string& file, std::vector<std::string> command) {
    weft::process_options options{.program = command.front(),
                                  .arguments = {command.begin() + 1, command.end()},
                                  .error = weft::process_stream::same_as_output()};
    options.arguments.push_back(file);
    const auto done = weft::run_process(options, {}, 10s);
    if (!done) {
        return file + ": " + done.error().message() + "\n";
    }
    return file + ": " + done->status.to_string() + "\n" + done->output;
}

int main(int argc, char** argv) {
    std::istringstream words(argc > 1 ? argv[1] : "");
    const std::vector<std::string> command{std::istream_iterator<std::string>(words), {}};
    if (command.empty()) {
        std::fprintf(stderr, "usage: run_each \"COMMAND ARGUMENT...\" FILE...\n");
        return 2;
    }
    weft::run([&] {
        weft::with_scope([&](weft::scope& all) {
            weft::counting_semaphore<> free(std::thread::hardware_concurrency());
            std::vector<weft::future<std::string>> reports;
            for (int i = 2; i < argc; ++i) {
                reports.push_back(all.spawn([&, i] {
                    free.acquire();
                    std::string report = run_on(argv[i], command);
                    free.release();
                    return report;
                }));
            }
            for (auto& report : reports) {
                std::fputs(report.get().c_str(), stdout);
            }
        });
    });
}
