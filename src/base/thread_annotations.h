// SPDX-License-Identifier: Apache-2.0
//
// Names for Clang's thread-safety attributes (clang.llvm.org/docs/ThreadSafetyAnalysis.html); empty
// under other compilers.
#pragma once

#if defined(__clang__)
#define WEFT_THREAD_ATTRIBUTE(x) __attribute__((x))
#else
#define WEFT_THREAD_ATTRIBUTE(x)
#endif

#define WEFT_CAPABILITY(name) WEFT_THREAD_ATTRIBUTE(capability(name))
#define WEFT_SCOPED_CAPABILITY WEFT_THREAD_ATTRIBUTE(scoped_lockable)
#define WEFT_GUARDED_BY(lock) WEFT_THREAD_ATTRIBUTE(guarded_by(lock))
#define WEFT_REQUIRES(...) WEFT_THREAD_ATTRIBUTE(requires_capability(__VA_ARGS__))
#define WEFT_EXCLUDES(...) WEFT_THREAD_ATTRIBUTE(locks_excluded(__VA_ARGS__))
#define WEFT_ACQUIRE(...) WEFT_THREAD_ATTRIBUTE(acquire_capability(__VA_ARGS__))
#define WEFT_RELEASE(...) WEFT_THREAD_ATTRIBUTE(release_capability(__VA_ARGS__))
#define WEFT_TRY_ACQUIRE(...) WEFT_THREAD_ATTRIBUTE(try_acquire_capability(__VA_ARGS__))
#define WEFT_NO_THREAD_SAFETY_ANALYSIS WEFT_THREAD_ATTRIBUTE(no_thread_safety_analysis)
