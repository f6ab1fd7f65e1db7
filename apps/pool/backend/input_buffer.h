// SPDX-License-Identifier: Apache-2.0
//
// input_buffer: what has been read from a connection and not been dealt with yet. It holds memory
// only from the first byte until it is released, so that who is idle has none. Not thread-safe.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

#include <weft/error.h>
#include <weft/time.h>

#include "backend/transport.h"

namespace weft::pool {

class input_buffer {
public:
    /// Room for `usual_size` bytes at first.
    explicit input_buffer(std::size_t usual_size) noexcept : usual_size_(usual_size) {}

    [[nodiscard]] std::string_view unread() const noexcept {
        return {bytes_.get() + begin_, end_ - begin_};
    }
    /// The first `count` of unread() are dealt with.
    void consume(std::size_t count) noexcept {
        begin_ += count;
        if (begin_ == end_) {
            begin_ = end_ = 0;
        }
    }

    /// Reads once: at least one more byte, 0 at the end of the stream. There must be room.
    result<std::size_t> fill(transport& from, deadline until = {});

    /// Makes room for `count` unread bytes in all, and for more, so that a caller may ask for a
    /// byte more each time. Throws std::bad_alloc.
    void reserve(std::size_t count);
    /// Whether no more can be read before something is consumed or reserved.
    [[nodiscard]] bool full() const noexcept {
        return bytes_ != nullptr && end_ - begin_ == capacity_ && capacity_ >= usual_size_;
    }

    /// Puts `bytes` in front of what is unread.
    void push_front(std::string_view bytes);

    /// Another size, for when there is no more room, or nothing is unread.
    void set_usual_size(std::size_t bytes) noexcept { usual_size_ = bytes; }

    /// Gives the memory back if nothing is unread.
    void release() noexcept;

private:
    void move_to(std::size_t capacity);

    std::unique_ptr<char[]> bytes_;
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
    std::size_t capacity_ = 0;
    std::size_t usual_size_;
};

}  // namespace weft::pool
