// SPDX-License-Identifier: Apache-2.0
//
// What the C++ runtime keeps per kernel thread about exceptions: those being handled, and how many
// are on their way. A fiber that switches inside a catch handler, or in a destructor that runs
// because of an exception, must find it again as it was, on whichever kernel thread it goes on.
// So a switch saves the two words of the state before and puts them back after, at the address
// that belongs to the kernel thread of that moment.
#pragma once

#include <cstdint>

namespace weft::context {

/// Laid out as __cxa_eh_globals of the Itanium C++ ABI, 2.2.2.
struct [[gnu::may_alias]] exception_state {
    void* caught = nullptr;
    unsigned uncaught = 0;

    [[nodiscard]] bool any() const noexcept {
        return (reinterpret_cast<std::uintptr_t>(caught) | uncaught) != 0;
    }
};

/// The state of this kernel thread; lives as long as the thread does. <cxxabi.h> declares
/// __cxa_get_globals() `const`, so that compilers keep its result across a switch, which then
/// damages another thread's state (seen to crash); this function hides it from them. Ask once per
/// kernel thread, or again after each switch.
[[gnu::noinline]] exception_state* thread_exception_state() noexcept;

}  // namespace weft::context
