// SPDX-License-Identifier: Apache-2.0
//
// Counts the words of all files of a folder, each on a fiber, and keeps the sum in a file.
//
//     word_files FOLDER SUM_FILE
#include <weft/file.h>
#include <weft/runtime.h>
#include <weft/scope.h>

#include <cstddef>
#include <cstdio>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

namespace {

weft::result<std::size_t> count_words(const std::string& path) {
    const auto text = weft::read_file(path);
    if (!text) {
        return std::unexpected(text.error());
    }
    std::istringstream words(*text);
    return static_cast<std::size_t>(std::distance(std::istream_iterator<std::string>(words), {}));
}

weft::result<void> run(const std::string& folder, const std::string& sum_file) {
    const auto entries = weft::list_directory(folder);
    if (!entries) {
        return std::unexpected(entries.error());
    }
    std::size_t sum = 0;
    weft::with_scope([&](weft::scope& s) {
        std::vector<weft::future<weft::result<std::size_t>>> counts;
        for (const weft::directory_entry& entry : *entries) {
            if (entry.kind == weft::file_kind::regular) {
                counts.push_back(s.spawn(count_words, folder + "/" + entry.name));
            }
        }
        for (auto& count : counts) {
            sum += count.get().value_or(0);
        }
    });
    return weft::write_file(sum_file, std::to_string(sum) + "\n");
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 3) {
        std::fputs("usage: word_files FOLDER SUM_FILE\n", stderr);
        return 2;
    }
    const auto done = weft::run([&] { return run(argv[1], argv[2]); });
    if (!done) {
        std::fprintf(stderr, "word_files: %s\n", done.error().message().c_str());
    }
    return done ? 0 : 1;
}
