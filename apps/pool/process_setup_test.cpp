// SPDX-License-Identifier: Apache-2.0
#include "process_setup.h"

#include <filesystem>
#include <fstream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

namespace weft::pool {

namespace {

namespace fs = std::filesystem;

class PidFile : public testing::Test {
protected:
    void SetUp() override {
        std::string name = (fs::temp_directory_path() / "weft_pid_XXXXXX").string();
        ASSERT_NE(::mkdtemp(name.data()), nullptr);
        path_ = name + "/pid";
    }
    void TearDown() override { fs::remove_all(fs::path(path_).parent_path()); }

    std::string path_;
};

TEST_F(PidFile, IsThereAsLongAsItLives) {
    {
        pid_file file;
        ASSERT_TRUE(file.write(path_));
        pid_t there = 0;
        std::ifstream(path_) >> there;
        EXPECT_EQ(there, ::getpid());
    }
    EXPECT_FALSE(fs::exists(path_));
}

TEST_F(PidFile, IsNotTakenFromAProcessThatLives) {
    std::ofstream(path_) << ::getppid();
    {
        pid_file file;
        const auto done = file.write(path_);
        ASSERT_FALSE(done);
        EXPECT_THAT(done.error(), testing::HasSubstr("another instance running"));
    }
    EXPECT_TRUE(fs::exists(path_));
}

TEST_F(PidFile, IsLeftToAProcessThatHasTakenOver) {
    {
        pid_file file;
        ASSERT_TRUE(file.write(path_));
        std::ofstream(path_) << ::getppid();
    }
    EXPECT_TRUE(fs::exists(path_));
    {
        pid_file file;
        EXPECT_TRUE(file.write(path_, true));
    }
    EXPECT_FALSE(fs::exists(path_));
}

TEST(ProcessSetup, KnowsWhoDoesNotExist) {
    EXPECT_THAT(become_user("no such user").error(), testing::HasSubstr("does not exist"));
    EXPECT_THAT(give_to_group("/", "no such group").error(), testing::HasSubstr("does not exist"));
    EXPECT_TRUE(become_user(""));
}

}  // namespace

}  // namespace weft::pool
