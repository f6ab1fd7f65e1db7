// SPDX-License-Identifier: Apache-2.0
//
// What AddressSanitizer and ThreadSanitizer must be told about stacks. Without a sanitizer every
// function here is empty. The compiler's flags choose one of three files; callers do not care.
//
//   sanitizer_create(c, s)        before something runs on the fresh stack `s` for the first time
//   sanitizer_adopt_thread(c)     on a kernel thread, for its own stack, before its first switch
//   before_switch(from, to, ends) right before switch_context(), in the same function
//   after_switch(self)            right after switch_context() returned, and first of all in a
//                                 context's entry function
//   sanitizer_destroy(c)          when nothing will run on the stack again, from another stack
//   sanitizer_recycle(p, size)    the memory of a stack is about to be used anew
//
// A sanitizer_context belongs to a stack, not to the fiber that happens to run on it: a fiber that
// begins on the stack of one that has just ended, without a switch, takes the context over by
// copying it, and nothing is to be told. What it did comes, for ThreadSanitizer, after everything
// that its predecessor did, which is what happens.
//
// before_switch and after_switch must be inlined: ThreadSanitizer keeps a call stack of its own per
// fiber, and a function that it entered on one and leaves on another corrupts both.
#pragma once

#include "context/stack.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WEFT_ASAN 1
#elif __has_feature(thread_sanitizer)
#define WEFT_TSAN 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define WEFT_ASAN 1
#elif defined(__SANITIZE_THREAD__)
#define WEFT_TSAN 1
#endif

#if defined(WEFT_ASAN)
#include "context/sanitizer_asan.h"
#elif defined(WEFT_TSAN)
#include "context/sanitizer_tsan.h"
#else
#include "context/sanitizer_none.h"
#endif
