// SPDX-License-Identifier: Apache-2.0
#include "base/assert.h"

#include <execinfo.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "base/atomic.h"
#include "base/thread_block.h"

namespace weft::base {

namespace {

// A pointer to code, the same for every runtime of the process; not state.
constinit atomic<describe_current_fn> describe_fn{nullptr};

}  // namespace

void set_describe_current(describe_current_fn fn) noexcept {
    describe_fn.store(fn, release);
}

unsigned long describe_current(char* buffer, unsigned long size) noexcept {
    const auto fn = describe_fn.load(acquire);
    return fn != nullptr ? fn(buffer, size) : 0;
}

void write_report(const char* text, unsigned long size) noexcept {
    // A write() that parks the fiber, as that of weft::posix, must not do so here.
    const preemption_disabled until_written;
    [[maybe_unused]] const auto written = ::write(STDERR_FILENO, text, size);
}

void assert_failed(const char* expression, const char* message, const char* file,
                   int line) noexcept {
    char who[160];
    const unsigned long length = describe_current(who, sizeof(who));
    char text[768];
    const int n =
        std::snprintf(text, sizeof(text), "weft: %s\n  failed: %s\n  at: %s:%d\n  in: %.*s\n",
                      message, expression, file, line, length != 0 ? static_cast<int>(length) : 14,
                      length != 0 ? who : "a plain thread");
    if (n > 0) {
        const auto size = static_cast<std::size_t>(n) < sizeof(text) ? static_cast<std::size_t>(n)
                                                                     : sizeof(text) - 1;
        write_report(text, size);
    }
    void* frames[64];
    const int count = ::backtrace(frames, 64);
    ::backtrace_symbols_fd(frames, count, STDERR_FILENO);
    std::abort();
}

}  // namespace weft::base
