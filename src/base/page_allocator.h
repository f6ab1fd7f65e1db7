// SPDX-License-Identifier: Apache-2.0
//
// page_allocator: memory straight from the kernel, for what grows while preemption is off (see
// thread_block.h): the allocator's lock may be held by a preempted fiber, the kernel's cannot.
// Whole pages, so for large pieces only.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <new>

namespace weft::base {

/// Zeroed and committed on touch. Null when memory is out.
inline void* allocate_pages(std::size_t size) noexcept {
    void* const memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE,
                                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return memory != MAP_FAILED ? memory : nullptr;
}

inline void free_pages(void* memory, std::size_t size) noexcept {
    ::munmap(memory, size);
}

/// For containers.
template <class T>
struct page_allocator {
    using value_type = T;

    page_allocator() = default;
    template <class U>
    page_allocator(const page_allocator<U>&) noexcept {}

    T* allocate(std::size_t n) {
        void* const memory = allocate_pages(n * sizeof(T));
        if (memory == nullptr) {
            throw std::bad_alloc();
        }
        return static_cast<T*>(memory);
    }
    void deallocate(T* memory, std::size_t n) noexcept { free_pages(memory, n * sizeof(T)); }

    bool operator==(const page_allocator&) const = default;
};

}  // namespace weft::base
