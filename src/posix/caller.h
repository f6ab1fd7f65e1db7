// SPDX-License-Identifier: Apache-2.0
//
// Who calls, and how errno is set for it.
//
// A fiber may go on on another kernel thread after it waited, and errno belongs to the kernel
// thread. The C library promises its callers that the address of errno does not change
// (__errno_location() is declared const), so a caller that was compiled to look at errno before and
// after a call may look at the old thread's. A failure after a wait is therefore noted in both: in
// that of the thread on which the call began and in that of the one on which it ends. Kernel
// threads of a runtime live as long as it does, so the old one is still there. What runs on it now
// can see its errno change; it is harmed only if that happens between a failure of its own and its
// look at errno, some instructions later.
#pragma once

#include <sys/types.h>

#include <weft/errno.h>

namespace weft::posix {

/// Whether a fiber calls that may give up its kernel thread here: not from within weft's own code,
/// and not in weft::blocking(), which has one of its own already.
bool may_park() noexcept;

/// Lets other fibers run if this one has made many calls without having to wait. Not in a handler
/// of a signal, nor anywhere else where more signals are blocked than the kernel threads of the
/// runtime have blocked from the start: there the mask belongs to the fiber, and it must not go on
/// on another thread.
void let_others_run() noexcept;

/// One call by a fiber, made before anything that may suspend it. finish() turns an outcome (0 and
/// more, or an errno value, negated) into what the call returns.
class errno_guard {
public:
    errno_guard() noexcept : before_(&errno) {}
    errno_guard(const errno_guard&) = delete;
    errno_guard& operator=(const errno_guard&) = delete;

    [[nodiscard]] ssize_t finish(ssize_t outcome) const noexcept {
        if (outcome >= 0) {
            return outcome;
        }
        set(static_cast<int>(-outcome));
        return -1;
    }

    void set(int error) const noexcept {
        errno = error;
        if (&errno != before_) {
            __atomic_store_n(before_, error, __ATOMIC_RELAXED);
        }
    }

private:
    int* const before_;
};

/// What a call of the C library returned, as an outcome.
inline ssize_t outcome_of(ssize_t returned) noexcept {
    return returned >= 0 ? returned : -errno;
}

}  // namespace weft::posix
