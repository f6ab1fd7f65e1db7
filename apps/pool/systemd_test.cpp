// SPDX-License-Identifier: Apache-2.0
#include "systemd.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <weft/socket.h>

namespace weft::pool {

namespace {

/// What a service manager is to a service, as far as this goes; ends with the test.
class Manager : public testing::Test {
protected:
    void TearDown() override {
        for (const char* const name :
             {"NOTIFY_SOCKET", "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"}) {
            ::unsetenv(name);
        }
    }

    /// An abstract name that only this process uses.
    unique_fd listen_for_words() {
        const std::string name = "@weft-pool-test-" + std::to_string(::getpid());
        unique_fd out(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
        const auto address = endpoint::parse(name);
        EXPECT_TRUE(address);
        EXPECT_EQ(::bind(out.get(), address->data(), address->size()), 0);
        ::setenv("NOTIFY_SOCKET", name.c_str(), 1);
        return out;
    }

    static std::string heard(const unique_fd& by) {
        std::array<char, 256> bytes{};
        const auto got = ::recv(by.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
        return got < 0 ? "" : std::string(bytes.data(), static_cast<std::size_t>(got));
    }

    static void pass(const std::string& process, const std::string& count) {
        ::setenv("LISTEN_PID", process.c_str(), 1);
        ::setenv("LISTEN_FDS", count.c_str(), 1);
    }
};

TEST_F(Manager, IsToldWhatHappens) {
    const unique_fd manager = listen_for_words();
    EXPECT_TRUE(notify_manager(manager_ready()));
    EXPECT_THAT(heard(manager), testing::HasSubstr("READY=1\n"));
    EXPECT_TRUE(notify_manager(manager_reloading()));
    EXPECT_THAT(heard(manager), testing::MatchesRegex("RELOADING=1\nMONOTONIC_USEC=[0-9]+\n"));
    EXPECT_TRUE(notify_manager(manager_main_process(17)));
    EXPECT_THAT(heard(manager), testing::HasSubstr("MAINPID=17\n"));
    EXPECT_TRUE(notify_manager(manager_stopping()));
    EXPECT_THAT(heard(manager), testing::HasSubstr("STOPPING=1\n"));
}

TEST_F(Manager, NeedNotBeThere) {
    EXPECT_FALSE(notify_manager(manager_ready()));
    for (const char* const name : {"", "relative", "/no/such/socket", "@no-such-name"}) {
        ::setenv("NOTIFY_SOCKET", name, 1);
        EXPECT_FALSE(notify_manager(manager_ready())) << name;
    }
}

TEST_F(Manager, PassesNoSocketsToOthers) {
    EXPECT_THAT(take_passed_sockets().value(), testing::IsEmpty());
    pass("1", "1");
    EXPECT_THAT(take_passed_sockets().value(), testing::IsEmpty());
    EXPECT_NE(std::getenv("LISTEN_FDS"), nullptr) << "they are another's";
}

TEST_F(Manager, IsNotBelievedWhatCannotBe) {
    for (const char* const count : {"-1", "254", "three", ""}) {
        pass(std::to_string(::getpid()), count);
        EXPECT_FALSE(take_passed_sockets()) << count;
        EXPECT_EQ(std::getenv("LISTEN_FDS"), nullptr);
    }
}

}  // namespace

}  // namespace weft::pool
