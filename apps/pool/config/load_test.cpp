// SPDX-License-Identifier: Apache-2.0
#include "config/load.h"

#include <filesystem>
#include <fstream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

namespace weft::pool {

namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class Load : public testing::Test {
protected:
    void SetUp() override {
        std::string name = (fs::temp_directory_path() / "weft_config_XXXXXX").string();
        ASSERT_NE(::mkdtemp(name.data()), nullptr);
        folder_ = name;
    }
    void TearDown() override { fs::remove_all(folder_); }

    std::string write(const char* name, std::string_view text) const {
        const std::string path = (folder_ / name).string();
        std::ofstream(path) << text;
        return path;
    }

    fs::path folder_;
};

TEST_F(Load, TakesTomlByItsName) {
    const auto made = load_configuration(write("p.toml", "[pool]\nlisten_port = 1"));
    ASSERT_TRUE(made) << made.error();
    EXPECT_EQ(made->general.listen_port, 1);
}

TEST_F(Load, TakesAllElseForAnIniWithIncludes) {
    const std::string more = write("more", "listen_port = 2");
    const auto made = load_configuration(write("p.ini", "[pgbouncer]\n%include " + more));
    ASSERT_TRUE(made) << made.error();
    EXPECT_EQ(made->general.listen_port, 2);
}

TEST_F(Load, ReadsMoreThanAChunk) {
    const auto made = load_configuration(
        write("p.ini", "[pgbouncer]\n;" + std::string(200'000, 'x') + "\nlisten_port = 3"));
    ASSERT_TRUE(made) << made.error();
    EXPECT_EQ(made->general.listen_port, 3);
}

TEST_F(Load, SaysWhyAFileCannotBeRead) {
    const auto none = load_configuration((folder_ / "none").string());
    ASSERT_FALSE(none);
    EXPECT_THAT(none.error(), HasSubstr("none\": No such file or directory"));
    const auto folder = load_configuration(folder_.string());
    ASSERT_FALSE(folder);
    EXPECT_THAT(folder.error(), HasSubstr("could not load file"));
    const auto included =
        load_configuration(write("p.ini", "%include " + (folder_ / "none").string()));
    ASSERT_FALSE(included);
    EXPECT_THAT(included.error(), HasSubstr("p.ini:1: %include: could not load file"));
}

TEST_F(Load, RefusesWhatIsTooLong) {
    const auto made =
        load_configuration(write("p.ini", std::string((std::size_t{16} << 20) + 1, '\n')));
    ASSERT_FALSE(made);
    EXPECT_THAT(made.error(), HasSubstr("longer than"));
}

}  // namespace

}  // namespace weft::pool
