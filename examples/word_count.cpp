// SPDX-License-Identifier: Apache-2.0
//
// Counts the words of files: a fiber reads each file, four others count lines as they come. They
// share a channel; with_scope() waits for all of them and hands on what fails.
//     word_count FILE...
#include <weft/blocking.h>
#include <weft/channel.h>
#include <weft/scope.h>

#include <cstdio>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>

using lines = weft::channel<std::string>;
static void read_lines(const char* path, const lines& to) {
    std::ifstream file(path);
    if (!file) {
        throw std::runtime_error(std::string(path) + ": cannot be read");
    }
    // Reading may block; others run meanwhile. send() fails when all is stopped.
    std::string line;
    while (weft::blocking([&] { return !std::getline(file, line).fail(); }) && to.send(line)) {
    }
}

static long count_words(const lines& from) {
    long words = 0;
    for (const std::string& line : from) {
        std::istringstream text(line);
        for (std::string word; text >> word; ++words) {
        }
    }
    return words;
}

static long count(int files, char** paths) {
    return weft::with_scope([=](weft::scope& all) {
        const lines found(256);
        weft::future<long> counts[4];
        for (auto& each : counts) {
            each = all.spawn([=] { return count_words(found); });
        }
        weft::with_scope([=](weft::scope& readers) {
            for (int i = 0; i < files; ++i) {
                readers.spawn([=] { read_lines(paths[i], found); });
            }
        });
        found.close();
        return counts[0].get() + counts[1].get() + counts[2].get() + counts[3].get();
    });
}

int main(int argc, char** argv) try {
    std::printf("%ld\n", weft::run([=] { return count(argc - 1, argv + 1); }));
} catch (const std::exception& e) {
    std::fprintf(stderr, "word_count: %s\n", e.what());
    return 1;
}
