// SPDX-License-Identifier: Apache-2.0
#include "handover/link.h"

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <string>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weft::pool::handover {

namespace {

using namespace std::chrono_literals;

constexpr auto patience = 10s;

/// Two ends of a connection, on plain threads: it is the same for fibers.
class HandoverLink : public testing::Test {
protected:
    void SetUp() override {
        std::array<int, 2> fds{};
        ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds.data()), 0);
        raw_ = *socket::from_native(fds[0]);
        link_ = std::make_unique<link>(*socket::from_native(fds[1]));
    }
    std::string refusal_of(std::string_view bytes) {
        EXPECT_TRUE(raw_.write(std::as_bytes(std::span(bytes)), patience));
        const auto got = link_->receive(patience);
        return got ? "" : got.error();
    }

    socket raw_;
    std::unique_ptr<link> link_;
};

TEST_F(HandoverLink, CarriesMessagesWithTheirDescriptors) {
    link other(std::move(raw_));
    std::array<int, 2> ends{};
    ASSERT_EQ(::pipe(ends.data()), 0);
    unique_fd reading(ends[0]);
    const unique_fd writing(ends[1]);
    const std::array sent{reading.get(), writing.get()};
    ASSERT_TRUE(other.send(hello(), patience));
    ASSERT_TRUE(other.send(doors{.count = 2, .unix_file = "f", .numbers = 1}, sent, patience));
    ASSERT_TRUE(other.send(serving(), patience));
    EXPECT_TRUE(std::holds_alternative<hello>(link_->receive(patience)->what));
    const auto got = link_->receive(patience);
    ASSERT_TRUE(got);
    ASSERT_EQ(got->descriptors.size(), 2U);
    EXPECT_EQ(std::get<doors>(got->what).unix_file, "f");
    EXPECT_TRUE(std::holds_alternative<serving>(link_->receive(patience)->what));
    // What has come is the same pipe.
    ASSERT_EQ(::write(got->descriptors[1].get(), "x", 1), 1);
    char byte = 0;
    EXPECT_EQ(::read(reading.get(), &byte, 1), 1);
}

TEST_F(HandoverLink, KnowsWhoIsAtTheOtherEnd) {
    EXPECT_EQ(link_->check_peer().value(), ::getpid());
}

TEST_F(HandoverLink, SaysWhatIsWrong) {
    EXPECT_THAT(refusal_of(encode(doors{.count = 1, .unix_file = "", .numbers = 1})),
                testing::HasSubstr("descriptors are missing"));
    raw_.close();
    EXPECT_THAT(link_->receive(patience).error(), testing::HasSubstr("has ended"));
}

TEST_F(HandoverLink, SendsNothingBehindWhatWasLost) {
    raw_.close();
    EXPECT_FALSE(link_->send(serving(), patience));
    EXPECT_THAT(link_->send(serving(), patience).error(), testing::HasSubstr("an earlier message"));
}

TEST_F(HandoverLink, RefusesWhatIsNoMessage) {
    EXPECT_THAT(refusal_of("GET / HTTP/1.1\r\n"), testing::HasSubstr("length"));
}

TEST(HandoverAddress, IsInTheFolderOfUnixSockets) {
    settings of;
    of.unix_socket_dir = "/run/pool";
    of.listen_port = 6432;
    EXPECT_EQ(address_for(of), "unix:/run/pool/.s.weft-pool.6432");
    of.unix_socket_dir.clear();
    EXPECT_EQ(address_for(of), "");
    EXPECT_THAT(link::open("unix:/no/such", patience).error(), testing::HasSubstr("/no/such"));
}

}  // namespace

}  // namespace weft::pool::handover
