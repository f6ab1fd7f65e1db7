// SPDX-License-Identifier: Apache-2.0
//
// Memory for coroutine frames. Each kernel thread has a free list per size; allocate and free are a
// few instructions there. A frame may be freed on another kernel thread than it was allocated on,
// so lists that grow too long go to a list shared by all, a batch at a time, and threads whose list
// is empty take a batch from there. The shared lists are bounded: what they do not take goes back
// to the system's allocator, as does a thread's list when the thread ends.
//
// Frames larger than `largest` come from the system's allocator directly. Under AddressSanitizer
// all do, so that it sees each frame's life.
//
// This is the process's, not a runtime's, as the system's allocator is: a frame may outlive the
// runtime that it ran on. Thread safety: all functions, from any thread.
#pragma once

#include <cstddef>

namespace weft::coro {

class frame_pool {
public:
    static constexpr std::size_t granularity = 64;
    static constexpr std::size_t largest = 2048;
    static constexpr std::size_t batch = 32;              ///< frames moved at a time
    static constexpr std::size_t most_batches = 64;       ///< kept by the shared list of each size
    static constexpr std::size_t most_local = 2 * batch;  ///< kept by a thread for each size

    /// 16-byte aligned. Throws std::bad_alloc.
    static void* allocate(std::size_t size);

    /// `size` as it was allocated.
    static void free(void* frame, std::size_t size) noexcept;

    /// Gives those frames of the shared lists back to the system's allocator that were not needed
    /// since the last call.
    static void trim() noexcept;

    /// Frames of this size that lie in the shared list now.
    static std::size_t shared_frames(std::size_t size) noexcept;
};

}  // namespace weft::coro
