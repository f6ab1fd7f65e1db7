// SPDX-License-Identifier: Apache-2.0
#include "backend/input_buffer.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace weft::pool {

void input_buffer::move_to(std::size_t capacity) {
    auto fresh = std::make_unique_for_overwrite<char[]>(capacity);
    const std::size_t count = end_ - begin_;
    if (count != 0) {
        std::memcpy(fresh.get(), bytes_.get() + begin_, count);
    }
    bytes_ = std::move(fresh);
    capacity_ = capacity;
    begin_ = 0;
    end_ = count;
}

result<std::size_t> input_buffer::fill(transport& from, deadline until) {
    if (bytes_ == nullptr || (begin_ == end_ && capacity_ != usual_size_) ||
        (end_ - begin_ == capacity_ && capacity_ < usual_size_)) {
        move_to(usual_size_);
    }
    if (end_ == capacity_) {
        std::memmove(bytes_.get(), bytes_.get() + begin_, end_ - begin_);
        end_ -= std::exchange(begin_, 0);
    }
    const auto got = from.read(std::span(bytes_.get() + end_, capacity_ - end_), until);
    if (got) {
        end_ += *got;
    }
    return got;
}

void input_buffer::reserve(std::size_t count) {
    if (count > capacity_) {
        move_to(std::max({count, usual_size_, 2 * capacity_}));
    }
}

void input_buffer::push_front(std::string_view bytes) {
    const std::string rest(unread());
    reserve(bytes.size() + rest.size());
    std::memcpy(bytes_.get(), bytes.data(), bytes.size());
    std::memcpy(bytes_.get() + bytes.size(), rest.data(), rest.size());
    begin_ = 0;
    end_ = bytes.size() + rest.size();
}

void input_buffer::release() noexcept {
    if (begin_ == end_) {
        bytes_.reset();
        begin_ = end_ = capacity_ = 0;
    }
}

}  // namespace weft::pool
