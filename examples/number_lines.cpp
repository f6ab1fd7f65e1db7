// SPDX-License-Identifier: Apache-2.0
//
// Numbers the lines of standard input as they come. No line may be longer than 16 KiB, so that no
// input makes it take more memory. Says so when nothing comes for SECONDS.
//     number_lines [SECONDS]
#include <weft/buffered.h>
#include <weft/pipe.h>
#include <weft/poll.h>
#include <weft/runtime.h>

#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>

static void number_lines(std::chrono::seconds patience) {
    auto from = weft::pipe_reader::from_native(::dup(STDIN_FILENO)).value();
    auto to = weft::pipe_writer::from_native(::dup(STDOUT_FILENO)).value();
    weft::buffered_reader in(from);
    weft::buffered_writer out(to);
    for (int number = 1;; ++number) {
        if (in.buffered().empty()) {
            out.flush().value();  // before it waits
            auto ready = weft::wait_readable(STDIN_FILENO, patience);
            while (!ready && ready.error() == std::errc::timed_out) {
                std::fprintf(stderr, "waiting for line %d\n", number);
                ready = weft::wait_readable(STDIN_FILENO, patience);
            }
            ready.value();
        }
        const auto line = in.read_line();
        if (!line || !*line) {
            out.flush().value();
            static_cast<void>(line.value());  // throws, also if the last line does not end
            return;
        }
        out.write(std::to_string(number) + " " + std::string(**line) + "\n").value();
    }
}

int main(int argc, char** argv) try {
    const std::chrono::seconds patience(argc > 1 ? std::atoi(argv[1]) : 5);
    weft::run([&] { number_lines(patience); });
} catch (const std::bad_expected_access<weft::error>& e) {
    std::fprintf(stderr, "number_lines: %s\n", e.error().message().c_str());
    return 1;
}
