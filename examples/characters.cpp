// SPDX-License-Identifier: Apache-2.0
//
// Counts the characters (not the bytes) of standard input, by the C library, which knows the
// encoding of a text from the locale of the kernel thread: code that sets it and then waits must
// stay there. Other fibers go on meanwhile: one shows that.
//
//     characters
#include <weft/blocking.h>
#include <weft/pipe.h>
#include <weft/runtime.h>

#include <locale.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <cwchar>
#include <span>

using namespace std::chrono_literals;

static long count_characters(weft::pipe_reader& in) {
    const locale_t unicode = ::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
    const locale_t before = ::uselocale(unicode);  // of this kernel thread
    long count = 0;
    std::mbstate_t state{};
    std::array<std::byte, 4096> buffer;
    for (;;) {
        const auto size = in.read(buffer);
        if (size.value_or(0) == 0) {
            break;
        }
        for (const std::byte& each : std::span(buffer).first(*size)) {
            const auto whole =
                std::mbrtowc(nullptr, reinterpret_cast<const char*>(&each), 1, &state);
            count += whole <= 1 ? 1 : 0;  // else more of it is to come, or it is none
            state = whole == static_cast<std::size_t>(-1) ? std::mbstate_t{} : state;
        }
    }
    ::uselocale(before);
    ::freelocale(unicode);
    return count;
}

int main() {
    weft::run({.workers = 1}, [] {
        const weft::fiber other([](const std::stop_token& token) {
            std::puts("counting");
            std::fflush(stdout);
            while (!token.stop_requested() && weft::this_fiber::sleep_for(1ms)) {
            }
        });
        auto in = weft::pipe_reader::from_native(::dup(STDIN_FILENO)).value();
        std::printf("%ld\n", weft::pinned([&] { return count_characters(in); }));
    });
}
