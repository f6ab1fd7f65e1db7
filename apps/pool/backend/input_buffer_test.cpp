// SPDX-License-Identifier: Apache-2.0
#include "backend/input_buffer.h"

#include <gtest/gtest.h>

#include "backend/server_pool_test_support.h"

namespace weft::pool {
namespace {

/// A buffer of 16 bytes and a connection to fill it from.
class input : public ::testing::Test {
protected:
    input() {
        int ends[2];
        EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
        from_ = transport(socket::from_native(ends[0]).value());
        far_ = transport(socket::from_native(ends[1]).value());
    }

    std::size_t fill_with(std::string_view bytes) {
        EXPECT_TRUE(far_.write(bytes));
        return buffer_.fill(from_, longest_test_wait).value();
    }

    input_buffer buffer_{16};
    transport from_;
    transport far_;
};

TEST_F(input, is_read_and_consumed) {
    on_one_worker([this] {
        EXPECT_EQ(buffer_.unread(), "");
        EXPECT_FALSE(buffer_.full());
        EXPECT_EQ(fill_with("abcdef"), 6U);
        buffer_.consume(2);
        EXPECT_EQ(buffer_.unread(), "cdef");
        EXPECT_EQ(fill_with("0123456789"), 10U);
        EXPECT_EQ(buffer_.unread(), "cdef0123456789");
        buffer_.consume(13);
        EXPECT_EQ(fill_with("xyz"), 3U) << "what is left moves to the front";
        EXPECT_EQ(buffer_.unread(), "9xyz");
    });
}

TEST_F(input, has_as_much_room_as_was_asked_for) {
    on_one_worker([this] {
        EXPECT_EQ(fill_with(std::string(20, 'a')), 16U);
        EXPECT_TRUE(buffer_.full());
        buffer_.reserve(17);
        EXPECT_EQ(buffer_.fill(from_, longest_test_wait).value(), 4U) << "and more";
        EXPECT_EQ(buffer_.unread(), std::string(20, 'a'));
        EXPECT_FALSE(buffer_.full());
        buffer_.consume(20);
        EXPECT_EQ(fill_with(std::string(20, 'b')), 16U) << "the usual room again";
    });
}

TEST_F(input, may_get_another_size) {
    on_one_worker([this] {
        EXPECT_EQ(fill_with(std::string(20, 'a')), 16U);
        buffer_.set_usual_size(32);
        EXPECT_FALSE(buffer_.full());
        EXPECT_EQ(buffer_.fill(from_, longest_test_wait).value(), 4U);
        EXPECT_EQ(buffer_.unread(), std::string(20, 'a'));
        EXPECT_EQ(fill_with(std::string(20, 'b')), 12U);
        EXPECT_TRUE(buffer_.full());
        buffer_.consume(32);
        buffer_.set_usual_size(16);
        EXPECT_EQ(buffer_.fill(from_, longest_test_wait).value(), 8U);
        EXPECT_EQ(fill_with(std::string(20, 'c')), 8U);
    });
}

TEST_F(input, ends_with_its_stream) {
    on_one_worker([this] {
        EXPECT_EQ(fill_with("abc"), 3U);
        far_.close();
        EXPECT_EQ(buffer_.fill(from_, longest_test_wait).value(), 0U);
        EXPECT_EQ(buffer_.unread(), "abc");
    });
}

TEST_F(input, bytes_may_be_put_in_front) {
    on_one_worker([this] {
        buffer_.push_front("abc");
        EXPECT_EQ(buffer_.unread(), "abc");
        EXPECT_EQ(fill_with("def"), 3U);
        buffer_.push_front(std::string(20, '0'));
        EXPECT_EQ(buffer_.unread(), "00000000000000000000abcdef");
    });
}

TEST_F(input, memory_is_given_back_when_nothing_is_unread) {
    on_one_worker([this] {
        EXPECT_EQ(fill_with(std::string(16, 'a')), 16U);
        buffer_.release();
        EXPECT_EQ(buffer_.unread().size(), 16U);
        buffer_.consume(16);
        buffer_.release();
        EXPECT_EQ(buffer_.unread().data(), nullptr);
        EXPECT_EQ(fill_with("again"), 5U);
        EXPECT_EQ(buffer_.unread(), "again");
    });
}

}  // namespace
}  // namespace weft::pool
