// SPDX-License-Identifier: Apache-2.0
//
// Files: what calls do, what ends them, whole files, folders.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>
#include <weft/buffered.h>
#include <weft/file.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "callers.h"
#include "sockets.h"

namespace weft {
namespace {

using namespace std::chrono_literals;
using namespace testing;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

class File : public OnEachCaller {
protected:
    result<file> open(const std::string& path, const file_options& options = {}) {
        return call([&] { return file::open(path, options); },
                    [&] { return co::open_file(path, options); });
    }
    file make(const std::string& text) {
        return open(folder.write("file", text), {.access = file_access::read_write}).value();
    }
    std::string read(file& from, std::size_t size) {
        std::string text(size, '\0');
        const std::span<std::byte> into = std::as_writable_bytes(std::span(text));
        const auto n = call(WEFT_BOTH_OF(from, read, into));
        return n ? text.substr(0, *n) : n.error().message();
    }
    std::string pread(file& from, std::size_t size, std::uint64_t offset) {
        std::string text(size, '\0');
        const std::span<std::byte> into = std::as_writable_bytes(std::span(text));
        const auto n = call(WEFT_BOTH_OF(from, pread, into, offset));
        return n ? text.substr(0, *n) : n.error().message();
    }
    auto whole(const std::string& path) { return call(WEFT_BOTH(read_file(path))); }

    temporary_folder folder;
};
INSTANTIATE_TEST_SUITE_P(Callers, File, each_caller, name_of_caller);

TEST_P(File, ReadsOnAndAtOffsets) {
    file f = make("0123456789");
    EXPECT_EQ(read(f, 4), "0123");
    EXPECT_EQ(pread(f, 3, 7), "789");
    EXPECT_EQ(read(f, 4), "4567");
    EXPECT_EQ(read(f, 9), "89");
    EXPECT_EQ(read(f, 9), "");
    EXPECT_EQ(pread(f, 9, 10), "");
    EXPECT_EQ(read(f, 0), "");
}

TEST_P(File, WritesOnAndAtOffsets) {
    file f = make("");
    EXPECT_TRUE(call(WEFT_BOTH_OF(f, write, bytes_of("hello "))));
    EXPECT_TRUE(call(WEFT_BOTH_OF(f, write, bytes_of("world"))));
    EXPECT_TRUE(call(WEFT_BOTH_OF(f, pwrite, bytes_of("J"), 0)));
    EXPECT_TRUE(call(WEFT_BOTH_OF(f, pwrite, bytes_of("!"), 12)));
    EXPECT_TRUE(call(WEFT_BOTH_OF(f, sync)));
    EXPECT_EQ(pread(f, 99, 0), std::string("Jello world\0!", 13));
    EXPECT_TRUE(call(WEFT_BOTH_OF(f, truncate, 5)));
    EXPECT_EQ(pread(f, 99, 0), "Jello");
    const auto status = call(WEFT_BOTH_OF(f, status)).value();
    EXPECT_EQ(status.size, 5u);
    EXPECT_EQ(status.kind, file_kind::regular);
}

TEST_P(File, LinesThroughABuffer) {
    file f = make("");
    buffered_writer out(f, 8);
    for (const char* const text : {"one\n", "two, which is longer than the buffer\n", "\n"}) {
        EXPECT_TRUE(call(WEFT_BOTH_OF(out, write, text)));
    }
    EXPECT_TRUE(call(WEFT_BOTH_OF(out, flush)));
    file again = open(folder / "file").value();
    buffered_reader in(again, 64);
    for (const char* const text : {"one", "two, which is longer than the buffer", ""}) {
        const auto line = call(WEFT_BOTH_OF(in, read_line));
        ASSERT_TRUE(line && *line);
        EXPECT_EQ(**line, text);
    }
    EXPECT_FALSE(*call(WEFT_BOTH_OF(in, read_line)));
}

TEST_P(File, ManyMegabytes) {
    file f = make("");
    std::string text(5'000'001, '\0');
    for (std::size_t i = 0; i < text.size(); ++i) {
        text[i] = static_cast<char>(i * 31 >> 3);
    }
    EXPECT_TRUE(call(WEFT_BOTH_OF(f, write, bytes_of(text))));
    EXPECT_TRUE(whole(folder / "file") == text);
    EXPECT_TRUE(call(WEFT_BOTH(write_file(folder / "copy", text))));
    EXPECT_TRUE(whole(folder / "copy") == text);
}

TEST_P(File, NotInThePageCache) {
    const std::string text(100'000, 'x');
    file f = make(text);
    ASSERT_TRUE(f.sync());
    EXPECT_EQ(::posix_fadvise(f.native_handle(), 0, 0, POSIX_FADV_DONTNEED), 0);
    EXPECT_EQ(pread(f, 100, 50'000), text.substr(0, 100));
}

TEST_P(File, HowItIsOpened) {
    const std::string path = folder / "new";
    EXPECT_EQ(open(path).error(), std::errc::no_such_file_or_directory);
    EXPECT_TRUE(open(path, {.access = file_access::write, .create = true, .permissions = 0600}));
    EXPECT_EQ(open(path)->status()->permissions, 0600u);
    EXPECT_EQ(open(path, {.access = file_access::write, .create = true, .exclusive = true}).error(),
              std::errc::file_exists);
    file log = open(path, {.access = file_access::write, .append = true}).value();
    EXPECT_TRUE(call(WEFT_BOTH_OF(log, write, bytes_of("a"))));
    file other = open(path, {.access = file_access::write, .append = true}).value();
    EXPECT_TRUE(call(WEFT_BOTH_OF(other, write, bytes_of("b"))));
    EXPECT_TRUE(call(WEFT_BOTH_OF(log, write, bytes_of("c"))));
    EXPECT_EQ(whole(path).value(), "abc");
    EXPECT_EQ(read(log, 1), "read: Bad file descriptor");
    EXPECT_TRUE(open(path, {.access = file_access::write, .truncate = true}));
    EXPECT_EQ(whole(path).value(), "");
}

TEST_P(File, WhatIsNoFile) {
    EXPECT_TRUE(open("/dev/null"));
    EXPECT_TRUE(open("/"));
    EXPECT_EQ(whole("/").error(), std::errc::is_a_directory);
    const std::string pipe = folder / "pipe";
    ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
    EXPECT_EQ(open(pipe).error(), std::errc::operation_not_supported);
    EXPECT_EQ(whole(pipe).error(), std::errc::operation_not_supported);
    EXPECT_FALSE(file::from_native(-1));
}

TEST_P(File, Closed) {
    file f = make("x");
    EXPECT_TRUE(f.close());
    EXPECT_TRUE(f.close());
    EXPECT_FALSE(f.is_open());
    const auto bad = make_error_code(std::errc::bad_file_descriptor);
    EXPECT_EQ(read(f, 1), "read: Bad file descriptor");
    EXPECT_EQ(call(WEFT_BOTH_OF(f, write, bytes_of("x"))).error(), bad);
    EXPECT_EQ(call(WEFT_BOTH_OF(f, sync)).error(), bad);
    EXPECT_EQ(call(WEFT_BOTH_OF(f, truncate, 1)).error(), bad);
    EXPECT_EQ(call(WEFT_BOTH_OF(f, status)).error(), bad);
    file g = make("y");
    f = std::move(g);
    EXPECT_EQ(read(f, 1), "y");
    const std::uint64_t beyond = ~std::uint64_t{0};
    EXPECT_EQ(call(WEFT_BOTH_OF(f, truncate, beyond)).error(), std::errc::invalid_argument);
    EXPECT_EQ(pread(f, 1, beyond), "pread: Invalid argument");
}

TEST_P(File, DoesNotBeginAfterADeadlineOrAStop) {
    file f = make("x");
    const auto past = clock::time_point::min();
    EXPECT_EQ(call(WEFT_BOTH_OF(f, sync, past)).error(), std::errc::timed_out);
    EXPECT_EQ(call(WEFT_BOTH(read_file(folder / "file", past))).error(), std::errc::timed_out);
    const bounds late{.token = {}, .until = past};
    EXPECT_EQ(call_in(late, WEFT_BOTH_OF(f, sync)).error(), std::errc::timed_out);
    std::stop_source stop;
    stop.request_stop();
    const bounds stopped{.token = stop.get_token(), .until = {}};
    EXPECT_EQ(call_in(stopped, WEFT_BOTH_OF(f, sync)).error(), std::errc::operation_canceled);
    EXPECT_EQ(call_in(stopped, WEFT_BOTH(write_file(folder / "file", "y"))).error(),
              std::errc::operation_canceled);
    EXPECT_EQ(whole(folder / "file").value(), "x");
    EXPECT_TRUE(call(WEFT_BOTH_OF(f, sync)));
}

TEST_P(File, StoppedAtEveryWait) {
    const std::string old(10, 'o');
    const std::string fresh(3 * (1 << 20) + 1, 'n');
    const std::string path = folder.write("replaced", old);
    bool stopped = true;
    std::uint64_t n = 1;
    for (; stopped; ++n) {
        result<void> written;
        // Its coroutine refers to what the lambda has.
        const auto write_async = [&]() -> task<> {
            written = co_await co::write_file(path, fresh);
        };
        stopped = call([&] { return stop_at_wait(n, [&] { written = write_file(path, fresh); }); },
                       [&] { return co::stop_at_wait(n, write_async()); });
        EXPECT_EQ(written.has_value(), !stopped);
        EXPECT_TRUE(whole(path) == (stopped ? old : fresh)) << n;
        EXPECT_EQ(list_directory(folder / "").value().size(), 1u) << "nothing is left behind";
        ASSERT_LT(n, 100u);
    }
    EXPECT_GE(n, 4u) << "it was stopped between its parts";
}

TEST_P(File, EachCallStopsAtEachOfItsWaits) {
    file f = make("0123456789");
    const auto expect_stops = [&](const char* name, auto blocking, auto async) {
        using outcome = decltype(blocking());
        bool stopped = true;
        for (std::uint64_t n = 1; stopped; ++n) {
            ASSERT_LT(n, 100u) << name;
            std::optional<outcome> ended;
            stopped =
                call([&] { return stop_at_wait(n, [&] { ended.emplace(blocking()); }); },
                     [&] { return co::stop_at_wait(n, keep_outcome<outcome>(async, ended)); });
            EXPECT_TRUE(*ended || stopped) << name << ": " << ended->error().message();
            EXPECT_TRUE(*ended || ended->error() == std::errc::operation_canceled) << name;
            EXPECT_TRUE(call(WEFT_BOTH_OF(f, status))) << name << " at wait " << n;
        }
    };
    const std::string path = folder / "file";
    const std::string text = "text";
    std::array<std::byte, 4> room{};
    const std::span<std::byte> into = room;
    const auto bytes = bytes_of(text);
    expect_stops("open", [&] { return file::open(path); }, [&] { return co::open_file(path); });
    expect_stops("read", WEFT_BOTH_OF(f, read, into));
    expect_stops("pread", WEFT_BOTH_OF(f, pread, into, 2));
    expect_stops("write", WEFT_BOTH_OF(f, write, bytes));
    expect_stops("pwrite", WEFT_BOTH_OF(f, pwrite, bytes, 2));
    expect_stops("sync", WEFT_BOTH_OF(f, sync));
    expect_stops("truncate", WEFT_BOTH_OF(f, truncate, 100));
    expect_stops("status", WEFT_BOTH_OF(f, status));
    expect_stops("read_file", WEFT_BOTH(read_file(path)));
    expect_stops("list_directory", WEFT_BOTH(list_directory(folder / "")));
    EXPECT_EQ(pread(f, 4, 2), "text") << "it was written when nothing stopped it";
}

TEST_P(File, ReplacedAsAWhole) {
    const std::string path = folder.write("config", "old");
    ASSERT_EQ(::chmod(path.c_str(), 0640), 0);
    file before = open(path).value();
    EXPECT_TRUE(call(WEFT_BOTH(write_file(path, "new one"))));
    EXPECT_EQ(read(before, 99), "old");
    EXPECT_EQ(whole(path).value(), "new one");
    EXPECT_EQ(open(path)->status()->permissions, 0640u);
    EXPECT_EQ(call(WEFT_BOTH(write_file(folder / "no/such", "x"))).error(),
              std::errc::no_such_file_or_directory);
    EXPECT_EQ(call(WEFT_BOTH(write_file("/", "x"))).has_value(), false);
}

TEST_P(File, WholeFilesHaveALimit) {
    const std::string path = folder.write("file", "12345");
    EXPECT_EQ(call(WEFT_BOTH(read_file(path, {}, 5))).value(), "12345");
    EXPECT_EQ(call(WEFT_BOTH(read_file(path, {}, 4))).error(), errc::limit_exceeded);
    EXPECT_EQ(call(WEFT_BOTH(read_file("/dev/zero", {}, 10'000))).error(), errc::limit_exceeded);
    EXPECT_THAT(whole("/proc/self/status").value(), ::testing::HasSubstr("Name:"));
}

TEST_P(File, Folders) {
    static_cast<void>(folder.write("a", ""));
    ASSERT_EQ(::mkdir((folder / "b").c_str(), 0700), 0);
    ASSERT_EQ(::symlink("a", (folder / "c").c_str()), 0);
    EXPECT_THAT(call(WEFT_BOTH(list_directory(folder / ""))).value(),
                UnorderedElementsAre(directory_entry{"a", file_kind::regular},
                                     directory_entry{"b", file_kind::directory},
                                     directory_entry{"c", file_kind::link}));
    EXPECT_THAT(call(WEFT_BOTH(list_directory(folder / "b"))).value(), IsEmpty());
    EXPECT_EQ(call(WEFT_BOTH(list_directory(folder / "a"))).error(), std::errc::not_a_directory);
}

TEST_P(File, NoDescriptorsLeft) {
    const std::string path = folder.write("file", "x");
    EXPECT_EQ(whole(path).value(), "x");
    const no_descriptors_left none;
    EXPECT_EQ(open(path).error(), std::errc::too_many_files_open);
    EXPECT_EQ(whole(path).error(), std::errc::too_many_files_open);
    EXPECT_EQ(call(WEFT_BOTH(write_file(path, "y"))).error(), std::errc::too_many_files_open);
    EXPECT_EQ(call(WEFT_BOTH(list_directory("/"))).error(), std::errc::too_many_files_open);
}

}  // namespace
}  // namespace weft
