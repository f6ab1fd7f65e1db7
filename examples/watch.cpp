// SPDX-License-Identifier: Apache-2.0
//
// Says what is written in a folder, and each second how much that was, until SIGINT or SIGTERM.
//     watch FOLDER
#include <weft/file_watch.h>
#include <weft/runtime.h>
#include <weft/select.h>
#include <weft/signal.h>
#include <weft/ticker.h>

#include <chrono>
#include <cstdio>
#include <utility>

using namespace std::chrono_literals;

static int watch(weft::file_watcher& files) {
    weft::signal_set stops({SIGINT, SIGTERM});
    weft::ticker each_second(1s);
    int written = 0;
    std::puts("watching");
    for (bool stopped = false; !stopped;) {
        std::fflush(stdout);
        const auto show_all = [&] {
            while (const auto event = files.next(0s)) {
                if (event->has(weft::file_events::overflow)) {
                    std::puts("too much at a time");
                } else if (!event->name.empty()) {
                    std::printf("%s\n", event->name.c_str());
                    ++written;
                }
            }
        };
        const auto show_count = [&](std::uint64_t) {
            std::printf("%d in this second\n", std::exchange(written, 0));
        };
        const auto taken =
            weft::select(weft::on_readable(files, show_all), weft::on_tick(each_second, show_count),
                         weft::on_readable(stops, [&] { stopped = true; }));
        stopped = stopped || !taken;
    }
    std::printf("stopped by signal %d\n", stops.wait().value_or(weft::signal_info{}).signal);
    return 0;
}

int main(int argc, char** argv) {
    auto files = weft::file_watcher::make();
    const auto folder = files ? files->add(argc == 2 ? argv[1] : "",
                                           weft::file_events::written | weft::file_events::moved_to,
                                           {.only_folders = true})
                              : std::unexpected(files.error());
    if (!folder) {
        std::fprintf(stderr, "watch FOLDER: %s\n", folder.error().message().c_str());
        return 2;
    }
    return weft::run([&] { return watch(*files); });
}
