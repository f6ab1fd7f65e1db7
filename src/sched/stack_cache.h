// SPDX-License-Identifier: Apache-2.0
//
// A worker's few free stacks, last in first out, before the shared pool: a hot stack is in the
// cache and has its page. Only on its worker.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>

#include "context/stack_pool.h"

namespace weft::sched {

class stack_cache {
public:
    explicit stack_cache(context::stack_pool& pool) noexcept : pool_(pool) {}
    stack_cache(const stack_cache&) = delete;
    stack_cache& operator=(const stack_cache&) = delete;
    ~stack_cache() { pool_.deallocate(std::span(free_.data(), size_)); }

    /// An empty stack when memory is out.
    context::stack allocate() noexcept {
        if (size_ == 0) [[unlikely]] {
            size_ = pool_.allocate(std::span(free_.data(), batch));
            if (size_ == 0) {
                return {};
            }
        }
        return free_[--size_];
    }

    void deallocate(context::stack stack) noexcept {
        if (size_ == most) [[unlikely]] {
            // The oldest go: the newest are the hot ones.
            pool_.deallocate(std::span(free_.data(), batch));
            std::ranges::copy(std::span(free_).subspan(batch), free_.begin());
            size_ -= batch;
        }
        free_[size_++] = stack;
    }

private:
    static constexpr std::size_t batch = 16;
    static constexpr std::size_t most = 64;

    context::stack_pool& pool_;
    std::size_t size_ = 0;
    std::array<context::stack, most> free_;
};

}  // namespace weft::sched
