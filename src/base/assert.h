// SPDX-License-Identifier: Apache-2.0
//
// WEFT_ASSERT: a broken invariant or a misuse of the API. Always on: the process dies with the
// expression, the place, the fiber's name and a backtrace. WEFT_DEBUG_ASSERT costs something on a
// hot path and is on only where NDEBUG is not defined.
#pragma once

namespace weft::base {

/// Writes the name of what runs on this kernel thread (a fiber, usually) into `buffer`; returns the
/// length, 0 if nothing is known. Must be async-signal-safe.
using describe_current_fn = unsigned long (*)(char* buffer, unsigned long size) noexcept;

/// Installed by the layer that knows fibers. Idempotent; the last one wins.
void set_describe_current(describe_current_fn fn) noexcept;

/// The text of the installed function, 0 if there is none.
unsigned long describe_current(char* buffer, unsigned long size) noexcept;

/// To standard error. Async-signal-safe.
void write_report(const char* text, unsigned long size) noexcept;

/// Prints message, place, current fiber and backtrace to standard error, then aborts.
[[noreturn, gnu::cold, gnu::noinline]] void assert_failed(const char* expression,
                                                          const char* message, const char* file,
                                                          int line) noexcept;

}  // namespace weft::base

#define WEFT_ASSERT(condition, message)                \
    (__builtin_expect(static_cast<bool>(condition), 1) \
         ? static_cast<void>(0)                        \
         : ::weft::base::assert_failed(#condition, message, __FILE__, __LINE__))

#ifdef NDEBUG
#define WEFT_DEBUG_ASSERT(condition, message) static_cast<void>(0)
#else
#define WEFT_DEBUG_ASSERT(condition, message) WEFT_ASSERT(condition, message)
#endif
