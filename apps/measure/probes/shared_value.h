// SPDX-License-Identifier: Apache-2.0
//
// shared_value: a value in memory that is still shared after a fork. Throws std::system_error. What
// it holds is not destroyed: its processes end at different times.
#pragma once

#include <new>
#include <type_traits>

#include <sys/mman.h>

#include "child.h"

namespace weft::measure {

template <class T>
class shared_value {
    static_assert(std::is_trivially_destructible_v<T>);

public:
    shared_value() {
        void* const place =
            ::mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (place == MAP_FAILED) {
            throw_errno("mmap");
        }
        value_ = ::new (place) T{};
    }
    ~shared_value() { ::munmap(value_, sizeof(T)); }
    shared_value(const shared_value&) = delete;
    shared_value& operator=(const shared_value&) = delete;

    T& operator*() const noexcept { return *value_; }
    T* operator->() const noexcept { return value_; }

private:
    T* value_ = nullptr;
};

}  // namespace weft::measure
