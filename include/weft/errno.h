// SPDX-License-Identifier: Apache-2.0
//
// errno for code that runs on fibers and looks at it before and after something that may suspend
// them. Opt in by including this header last:
//
//     #include <weft/errno.h>
//
// errno belongs to the kernel thread, and a fiber may go on on another one. The C library declares
// that the address of errno does not change, so a compiler may keep it over a wait, and the code
// then sees the errno of a thread that it has left. After this header the address is asked for at
// each use. weft's own calls return their errors and leave errno alone.
//
// errno does not move with a fiber: look at it before the next call that may suspend.
#pragma once

#include <cerrno>

namespace weft::detail {

/// Of the kernel thread that calls. A call each time.
int* errno_location() noexcept;

}  // namespace weft::detail

#undef errno
#define errno (*::weft::detail::errno_location())
