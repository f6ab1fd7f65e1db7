// SPDX-License-Identifier: Apache-2.0
//
// child_process starts its own program again. Here that is the test's, which becomes one of the
// parts below before GoogleTest sees its arguments.
#include "child_process.h"

#include "proc_metrics.h"

#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <string>

#include <sys/wait.h>
#include <unistd.h>

namespace weft::lab {
namespace {

using namespace std::chrono_literals;

constexpr auto soon = 30s;

void echo() {
    control_channel control(child_control_fd);
    while (const auto message = control.receive(soon)) {
        control.tell(*message);
    }
    ::_exit(7);
}

void complain() {
    std::fputs("first line\nlast words \n\n", stderr);
    ::raise(SIGKILL);
}

bool become_part() {
    const std::string words = read_file("/proc/self/cmdline");
    if (words == std::string("weft\0part:echo\0", 15)) {
        echo();
    } else if (words == std::string("weft\0part:complain\0", 19)) {
        complain();
    }
    return false;
}

const bool is_part = become_part();

TEST(child_process, talks_over_its_channel_and_ends_with_it) {
    ASSERT_FALSE(is_part);
    auto child = child_process::start({"part:echo"});
    ASSERT_TRUE(child.has_value()) << child.error().message();
    ASSERT_TRUE(child->control().send({{"hello", 1}}));
    const auto answer = child->control().receive(soon);
    ASSERT_TRUE(answer.has_value()) << answer.error().message();
    EXPECT_EQ((*answer)["hello"], 1);
    EXPECT_FALSE(child->wait(0s).has_value());
    child->control().close();
    const auto status = child->wait(soon);
    ASSERT_TRUE(status.has_value());
    EXPECT_TRUE(WIFEXITED(*status));
    EXPECT_EQ(WEXITSTATUS(*status), 7);
}

TEST(child_process, keeps_the_last_words_and_the_signal) {
    auto child = child_process::start({"part:complain"});
    ASSERT_TRUE(child.has_value());
    const auto status = child->wait(soon);
    ASSERT_TRUE(status.has_value());
    EXPECT_TRUE(WIFSIGNALED(*status));
    EXPECT_EQ(child->stderr_tail(), "last words");
}

TEST(child_process, is_gone_with_its_owner) {
    pid_t pid = -1;
    {
        auto child = child_process::start({"part:echo"});
        ASSERT_TRUE(child.has_value());
        pid = child->pid();
        EXPECT_EQ(::kill(pid, 0), 0);
    }
    EXPECT_EQ(::kill(pid, 0), -1);
}

}  // namespace
}  // namespace weft::lab
