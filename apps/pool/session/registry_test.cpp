// SPDX-License-Identifier: Apache-2.0
//
// Clients of another process: their numbers, and how those of this one leave for another.
#include "session/registry.h"

#include <sys/socket.h>

#include <array>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "session/departures.h"
#include "session/pool_entry.h"

namespace weft::pool {

namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;

class Registry : public testing::Test {
protected:
    std::unique_ptr<client> make_client(std::uint32_t number = 0) {
        auto out = std::make_unique<client>();
        out->pool = entry_;
        out->names = names_.intern("ann\0app\0"s);
        out->number = number;
        out->key.fill('k');
        return out;
    }
    [[nodiscard]] bool knows(std::uint32_t number, std::string_view key) const {
        bool found = false;
        all_.find(number, key, [&](client&) { found = true; });
        return found;
    }

    std::shared_ptr<pool_entry> entry_ = std::make_shared<pool_entry>();
    intern_table names_;
    client_registry all_;
};

TEST_F(Registry, GivesNoNumberThatIsReserved) {
    all_.reserve(10);
    const auto own = make_client();
    ASSERT_EQ(all_.add(*own), client_registry::admission::admitted);
    EXPECT_EQ(own->number, 11U);
    EXPECT_EQ(all_.highest(), 11U);
}

TEST_F(Registry, TakesClientsWithTheirNumbersAndSecrets) {
    all_.reserve(10);
    const auto known = make_client(7);
    all_.add_known(*known);
    EXPECT_TRUE(knows(7, "kkkk"));
    EXPECT_FALSE(knows(7, "xxxx"));
    EXPECT_EQ(all_.count(), 1U);
    all_.remove(*known);
    EXPECT_FALSE(knows(7, "kkkk"));
    const auto next = make_client();
    ASSERT_EQ(all_.add(*next), client_registry::admission::admitted);
    EXPECT_EQ(next->number, 7U) << "it is free now";
}

TEST_F(Registry, LeavesANumberToWhoHasIt) {
    const auto own = make_client();
    ASSERT_EQ(all_.add(*own), client_registry::admission::admitted);
    for (const std::uint32_t number : {own->number, 0U, 1000U}) {
        const auto known = make_client(number);
        all_.add_known(*known);
        EXPECT_NE(known->number, own->number);
        EXPECT_NE(known->number, 1000U);
        EXPECT_TRUE(knows(own->number, own->cancel_key()));
        all_.remove(*known);
    }
}

/// A client at one end of a connection.
class Departures : public Registry {
protected:
    void SetUp() override {
        std::array<int, 2> ends{};
        ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
        far_ = *socket::from_native(ends[0]);
        who_ = make_client(1);
        who_->io = transport(*socket::from_native(ends[1]));
        all_.reserve(1);
        all_.add_known(*who_);
        leaving_.open([this](client&) { return gives_; });
    }
    /// Whether what the far end says comes to the client.
    bool hears() {
        EXPECT_TRUE(far_.write(std::as_bytes(std::span("x", 1)), 1s));
        char byte = 0;
        const auto got = who_->io.read(std::span(&byte, 1), 1s);
        return got && *got == 1 && byte == 'x';
    }

    socket far_;
    std::unique_ptr<client> who_;
    departures leaving_;
    bool gives_ = true;
};

TEST_F(Departures, CallOnlyThoseThatIdle) {
    leaving_.call(all_);
    EXPECT_EQ(who_->now, client::presence::active);
    EXPECT_TRUE(hears());
}

TEST_F(Departures, OfThoseThatAreCalledKeepTheirSockets) {
    who_->now = client::presence::idle;
    leaving_.call(all_);
    EXPECT_EQ(who_->now, client::presence::called);
    EXPECT_FALSE(who_->io.is_open()) << "who waits is woken";
    EXPECT_TRUE(has_been_called(all_, *who_));
    EXPECT_TRUE(hears());
    EXPECT_FALSE(has_been_called(all_, *who_)) << "once";
}

TEST_F(Departures, EndIfNobodyTakesThem) {
    EXPECT_TRUE(leaving_.take(*who_));
    gives_ = false;
    EXPECT_FALSE(leaving_.take(*who_));
    gives_ = true;
    leaving_.close();
    EXPECT_FALSE(leaving_.take(*who_));
    who_->now = client::presence::idle;
    leaving_.call(all_);
    EXPECT_EQ(who_->now, client::presence::idle);
}

}  // namespace

}  // namespace weft::pool
