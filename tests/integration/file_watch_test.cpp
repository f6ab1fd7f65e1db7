// SPDX-License-Identifier: Apache-2.0
//
// Watched files and folders, by fibers, coroutines and plain threads.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>
#include <weft/file_watch.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <weft/select.h>

#include "callers.h"
#include "sockets.h"

namespace weft {
namespace {

using namespace std::chrono_literals;
using namespace testing;
using enum file_events;

class FileWatch : public OnEachCaller {
protected:
    result<file_event> next(deadline until = safety_net) {
        return call(WEFT_BOTH_OF(watcher_, next, until));
    }

    void expect_next(watch_id watch, file_events events, const std::string& name) {
        const auto event = next();
        ASSERT_TRUE(event) << event.error().message();
        EXPECT_EQ(event->watch, watch);
        EXPECT_EQ(event->events, events) << name;
        EXPECT_EQ(event->name, name);
    }

    temporary_folder folder_;
    file_watcher watcher_ = *file_watcher::make();
};
INSTANTIATE_TEST_SUITE_P(Callers, FileWatch, each_caller, name_of_caller);

TEST_P(FileWatch, WhatHappensInAFolder) {
    const auto watch = watcher_.add(folder_ / "", created | written | removed);
    ASSERT_TRUE(watch);
    const std::string path = folder_.write("file", "text");
    expect_next(*watch, created, "file");
    expect_next(*watch, written, "file");
    ASSERT_EQ(::mkdir((folder_ / "inner").c_str(), 0700), 0);
    expect_next(*watch, created | folder, "inner");
    ASSERT_EQ(::unlink(path.c_str()), 0);
    expect_next(*watch, removed, "file");
    EXPECT_EQ(next(1ms).error(), std::errc::timed_out);
}

TEST_P(FileWatch, AMoveHasACookie) {
    ASSERT_EQ(::mkdir((folder_ / "to").c_str(), 0700), 0);
    const std::string path = folder_.write("before", "text");
    const auto from = watcher_.add(folder_ / "", moved_from | moved_to);
    const auto to = watcher_.add(folder_ / "to", moved_from | moved_to);
    ASSERT_TRUE(from && to);
    ASSERT_EQ(std::rename(path.c_str(), (folder_ / "to/after").c_str()), 0);
    const auto left = next();
    const auto came = next();
    ASSERT_TRUE(left && came);
    EXPECT_EQ(left->name, "before");
    EXPECT_EQ(left->watch, *from);
    EXPECT_TRUE(left->has(moved_from));
    EXPECT_EQ(came->name, "after");
    EXPECT_EQ(came->watch, *to);
    EXPECT_TRUE(came->has(moved_to));
    EXPECT_NE(left->cookie, 0u);
    EXPECT_EQ(left->cookie, came->cookie);
}

TEST_P(FileWatch, WaitsForWhatHappensLater) {
    const auto watch = watcher_.add(folder_ / "", written);
    for (int i = 0; i < 30; ++i) {
        auto waiting = start(WEFT_BOTH_OF(watcher_, next, safety_net));
        if (i % 2 == 0) {
            EXPECT_EQ(waiting.wait_for(100us), std::future_status::timeout);
        }
        const std::string name = "file" + std::to_string(i);
        (void)folder_.write(name, "text");
        const auto event = waiting.get();
        ASSERT_TRUE(event);
        ASSERT_EQ(event->name, name);
        ASSERT_EQ(event->watch, *watch);
    }
}

TEST_P(FileWatch, TheEndOfAWatch) {
    const std::string path = folder_.write("file", "text");
    const auto gone = watcher_.add(path, self_removed);
    ASSERT_TRUE(gone);
    ASSERT_EQ(::unlink(path.c_str()), 0);
    expect_next(*gone, self_removed, "");
    expect_next(*gone, ended, "");
    EXPECT_EQ(watcher_.remove(*gone).error(), std::errc::invalid_argument);
    const auto removed_by_us = watcher_.add(folder_ / "", created);
    EXPECT_NE(*removed_by_us, *gone);
    EXPECT_TRUE(watcher_.remove(*removed_by_us));
    expect_next(*removed_by_us, ended, "");
    const auto once = watcher_.add(folder_ / "", created, {.once = true});
    (void)folder_.write("one", "");
    expect_next(*once, created, "one");
    expect_next(*once, ended, "");
}

TEST_P(FileWatch, WhatEndsAWait) {
    ASSERT_TRUE(watcher_.add(folder_ / "", created));
    EXPECT_EQ(next(2ms).error(), std::errc::timed_out);
    std::stop_source stop;
    const bounds limits{.token = stop.get_token(), .until = {}};
    auto stopped = start_in(limits, WEFT_BOTH_OF(watcher_, next));
    stopped.wait_for(1ms);
    stop.request_stop();
    EXPECT_EQ(stopped.get().error(), std::errc::operation_canceled);
    (void)folder_.write("file", "");
    EXPECT_EQ(call_in(limits, WEFT_BOTH_OF(watcher_, next))->name, "file")
        << "what need not wait succeeds";
    auto closed = start(WEFT_BOTH_OF(watcher_, next));
    EXPECT_TRUE(until_all_others_sleep());
    watcher_.close();
    expect_closed(closed.get().error());
    EXPECT_EQ(next().error(), std::errc::bad_file_descriptor);
    EXPECT_EQ(watcher_.add(folder_ / "", created).error(), std::errc::bad_file_descriptor);
}

task<> wait_in_coroutine(file_watcher& watcher, std::error_code& failed) {
    failed = error_of(co_await co::next(watcher));
}

TEST_P(FileWatch, StoppedAtTheNthWaitForAllN) {
    ASSERT_TRUE(watcher_.add(folder_ / "", created));
    std::error_code failed;
    const auto stopped = [&](std::uint64_t n) {
        return call([&] { return stop_at_wait(n, [&] { failed = error_of(watcher_.next()); }); },
                    [&] { return co::stop_at_wait(n, wait_in_coroutine(watcher_, failed)); });
    };
    EXPECT_TRUE(stopped(1));
    EXPECT_EQ(failed, std::errc::operation_canceled);
    (void)folder_.write("file", "");
    EXPECT_FALSE(stopped(2)) << "it waits at most once";
    EXPECT_FALSE(failed);
}

task<result<std::size_t>> select_in_coroutine(file_watcher& watcher) {
    co_return co_await co::select(on_readable(watcher), on_deadline(safety_net));
}

TEST_P(FileWatch, Select) {
    ASSERT_TRUE(watcher_.add(folder_ / "", created));
    auto selecting = start([&] { return select(on_readable(watcher_), on_deadline(safety_net)); },
                           [&] { return select_in_coroutine(watcher_); });
    selecting.wait_for(1ms);
    (void)folder_.write("file", "");
    EXPECT_EQ(*selecting.get(), 0u);
    EXPECT_EQ(watcher_.next(0s)->name, "file");
}

TEST(FileWatchLimits, AnOverflowIsReported) {
    std::size_t limit = 0;
    std::ifstream("/proc/sys/fs/inotify/max_queued_events") >> limit;
    ASSERT_GT(limit, 0u);
    const temporary_folder folder;
    auto watcher = file_watcher::make();
    const std::string one = folder.write("one", "");
    const std::string two = folder.write("two", "");
    ASSERT_TRUE(watcher->add(folder / "", attributes));
    for (std::size_t i = 0; i < limit; ++i) {
        // Not the same twice in a row: those are merged.
        ::chmod((i % 2 == 0 ? one : two).c_str(), 0600);
    }
    ::chmod(two.c_str(), 0600);
    ::chmod(one.c_str(), 0600);
    std::size_t got = 0;
    for (;;) {
        const auto event = watcher->next(safety_net);
        ASSERT_TRUE(event);
        if (event->has(overflow)) {
            EXPECT_EQ(event->watch, watch_id::none);
            break;
        }
        ++got;
    }
    EXPECT_GE(got + 1, limit);
}

TEST(FileWatchLimits, WhatIsRefused) {
    const temporary_folder folder;
    const std::string path = folder.write("file", "");
    auto watcher = file_watcher::make();
    ASSERT_TRUE(watcher);
    EXPECT_EQ(watcher->add(folder / "nothing", created).error(),
              std::errc::no_such_file_or_directory);
    EXPECT_EQ(watcher->add(path, created, {.only_folders = true}).error(),
              std::errc::not_a_directory);
    EXPECT_EQ(watcher->add(path, none).error(), std::errc::invalid_argument);
    EXPECT_EQ(watcher->add(std::string("a\0b", 3), created).error(), std::errc::invalid_argument);
    EXPECT_EQ(watcher->remove(watch_id::none).error(), std::errc::invalid_argument);
    std::vector<std::error_code> errors;
    {
        const no_descriptors_left left;
        errors.push_back(error_of(file_watcher::make()));
    }
    expect_no_descriptors(errors);
    file_watcher closed;
    EXPECT_EQ(closed.next().error(), std::errc::bad_file_descriptor);
    EXPECT_EQ(closed.add(path, created).error(), std::errc::bad_file_descriptor);
    closed = std::move(*watcher);
    EXPECT_TRUE(closed.add(path, written));
}

}  // namespace
}  // namespace weft
