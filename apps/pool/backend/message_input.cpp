// SPDX-License-Identifier: Apache-2.0
#include "backend/message_input.h"

#include <utility>

#include "wire/message.h"

namespace weft::pool {

namespace {

result<void> fill_to(transport& from, input_buffer& buffer, std::size_t size, deadline until) {
    while (buffer.unread().size() < size) {
        buffer.reserve(size);
        const auto got = buffer.fill(from, until);
        if (!got) {
            return std::unexpected(got.error());
        }
        if (*got == 0) {
            return std::unexpected(error(errc::unexpected_end_of_stream));
        }
    }
    return {};
}

}  // namespace

result<whole_message> read_message(transport& from, input_buffer& buffer, std::size_t& taken,
                                   deadline until, std::uint32_t longest) {
    end_messages(buffer, taken);
    if (const auto there = fill_to(from, buffer, head_size, until); !there) {
        return std::unexpected(there.error());
    }
    const auto head = read_head(buffer.unread());
    if (!head || head->size > longest) {
        return std::unexpected(error(std::make_error_code(std::errc::bad_message)));
    }
    if (const auto there = fill_to(from, buffer, head->size, until); !there) {
        return std::unexpected(there.error());
    }
    taken = head->size;
    return whole_message{head->type, buffer.unread().substr(head_size, head->size - head_size)};
}

void end_messages(input_buffer& buffer, std::size_t& taken) noexcept {
    buffer.consume(std::exchange(taken, 0));
}

}  // namespace weft::pool
