// SPDX-License-Identifier: Apache-2.0
#include "workload_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <utility>
#include <vector>

#include "bundled.h"
#include "sched_fixture.h"

namespace weft::sim {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

TEST(durations, are_read_as_people_write_them) {
    EXPECT_EQ(parse_duration("1.5 ms"), 1'500 * us);
    EXPECT_EQ(parse_duration("250us"), 250 * us);
    EXPECT_EQ(parse_duration("2 s"), 2 * second);
    EXPECT_EQ(parse_duration("7 ns"), 7U);
    for (const char* const text :
         {"", "5", "ms", "-1 ms", "1 m", "1  ms", "nan ms", "inf s", "1e3 ms", "2 h", "1 ms ",
          " 1 ms", "3601 s", "99999999999999999999 s"}) {
        EXPECT_EQ(parse_duration(text), std::nullopt) << text;
    }
}

TEST(durations, are_written_so_that_they_can_be_read) {
    for (const nanoseconds each : {0 * ms, 1 * us, 1'500 * us, 2 * second, 80 * ms}) {
        EXPECT_EQ(parse_duration(text_of(each)), each) << text_of(each);
    }
}

TEST(workload_file, reads_all_that_can_be_said) {
    const workload work = workload_of(R"(
title = "All of it"
duration = "3 s"
cpus = 4
tick = "4 ms"
switch_cost = "2 us"
seed = 9
show = ["10 ms", "20 ms"]
[[group]]
name = "tenant"
weight = 512
quota = "20 ms"
period = "50 ms"
burst = "5 ms"
[[task]]
name = "worker"
count = 3
nice = -7
slice = "0.3 ms"
arrival = "12 ms"
group = "tenant"
cpu = 3
run = { uniform = ["1 ms", "3 ms"] }
sleep = { exponential = "8 ms" }
total = "900 ms"
fork = { every = "10 ms", limit = 5 }
)");
    EXPECT_EQ(work.name, "test");
    EXPECT_EQ(work.title, "All of it");
    EXPECT_EQ(work.duration, 3 * second);
    EXPECT_EQ(work.cpus, 4U);
    EXPECT_EQ(work.tick, 4 * ms);
    EXPECT_EQ(work.switch_cost, 2 * us);
    EXPECT_EQ(work.seed, 9U);
    EXPECT_EQ(work.shown.from, 10 * ms);
    EXPECT_EQ(work.shown.to, 20 * ms);
    ASSERT_EQ(work.groups.size(), 1U);
    EXPECT_EQ(work.groups[0].weight, 512U);
    EXPECT_EQ(work.groups[0].quota, 20 * ms);
    EXPECT_EQ(work.groups[0].period, 50 * ms);
    EXPECT_EQ(work.groups[0].burst, 5 * ms);
    ASSERT_EQ(work.tasks.size(), 1U);
    const task_spec& task = work.tasks[0];
    EXPECT_EQ(task.count, 3U);
    EXPECT_EQ(task.nice, -7);
    EXPECT_EQ(task.slice, 300 * us);
    EXPECT_EQ(task.arrival, 12 * ms);
    EXPECT_EQ(task.group, 0U);
    EXPECT_EQ(task.cpu, 3U);
    EXPECT_EQ(task.run, (length{length::kind::uniform, 1 * ms, 3 * ms}));
    EXPECT_EQ(task.sleep, (length{length::kind::exponential, 8 * ms, 8 * ms}));
    EXPECT_EQ(task.total, 900 * ms);
    ASSERT_TRUE(task.fork);
    EXPECT_EQ(task.fork->every, 10 * ms);
    EXPECT_EQ(task.fork->limit, 5U);
}

TEST(workload_file, the_least_that_one_must_say) {
    const workload work = workload_of("[[task]]\nname = \"a\"\nrun = \"forever\"\n");
    EXPECT_EQ(work.title, "test");
    EXPECT_EQ(work.cpus, 1U);
    EXPECT_FALSE(work.tasks[0].run);
    EXPECT_FALSE(work.tasks[0].sleep);
}

TEST(workload_file, an_error_says_where_and_what_is_allowed) {
    const std::string hog = "[[task]]\nname = \"a\"\nrun = \"forever\"\n";
    const std::vector<std::pair<std::string, std::string>> cases{
        {"", "1:1: there is no [[task]]"},
        {"cpus = ", "1:8: "},
        {"[=", "1:2: "},
        {"[[$]]", "1:3: "},
        {"\u00e9 = 1", "1:1: "},
        {"\ufefb = 1", "1:1: "},
        {"cpu = 2\n" + hog, "1:1: unknown key 'cpu'; known here: title, duration, cpus"},
        {"cpus = 0\n" + hog, "1:8: cpus: 0 is not from 1 to 64"},
        {"cpus = 2.0\n" + hog, "1:8: cpus must be a whole number"},
        {"seed = -1\n" + hog, "1:8: seed: -1 is not from 0"},
        {"duration = 5\n" + hog, "1:12: duration must be a time in quotation marks"},
        {"duration = \"5\"\n" + hog, "1:12: duration: '5' is no time"},
        {"duration = \"1 us\"\n" + hog, "1:12: duration: '1 us' is not from 1 ms to 600 s"},
        {"tick = \"1 us\"\n" + hog, "1:8: tick: '1 us' is not from 100 us to 100 ms"},
        {"show = [\"2 ms\"]\n" + hog, "1:8: show must be two times"},
        {"show = [\"2 ms\", \"1 ms\"]\n" + hog, "1:8: show: the first time must be"},
        {"title = 3\n" + hog, "1:9: title must be a text"},
        {"title = \"a\\nb\"\n" + hog, "1:9: title must be one line"},
        {"[task]\nname = \"a\"", "1:1: write [[task]], with two brackets"},
        {"task = [1]", "1:9: write [[task]], with two brackets"},
        {"[[task]]\nrun = \"forever\"", "1:1: name is missing"},
        {"[[task]]\nname = \"a b\"\nrun = \"forever\"", "2:8: name must be letters and digits"},
        {hog + hog, "5:8: there is another 'a'"},
        {hog + "count = 2\n[[task]]\nname = \"a-2\"\nrun = \"forever\"",
         "6:8: there is another 'a-2'"},
        {"[[task]]\nname = \"a\"", "1:1: run is missing"},
        {hog + "niec = 3", "4:1: unknown key 'niec'; known here: name, count, nice"},
        {hog + "nice = 20", "4:8: nice: 20 is not from -20 to 19"},
        {hog + "slice = \"1 us\"", "4:9: slice: '1 us' is not from 100 us to 100 ms"},
        {hog + "sleep = \"1 ms\"", "4:9: who runs for ever does not sleep"},
        {hog + "group = \"x\"", "4:9: there is no [[group]] of this name"},
        {hog + "cpu = 1", "4:7: cpu: 1 is not from 0 to 0"},
        {hog + "count = 257", "4:9: count: 257 is not from 1 to 256"},
        {hog + "count = 250\nfork = { every = \"1 ms\", limit = 7 }",
         "1:1: more than 256 tasks in all"},
        {hog + "fork = { every = \"1 ms\" }", "4:8: fork must be {"},
        {hog + "fork = { every = \"1 ms\", limit = 3, depth = 1 }", "4:37: unknown key 'depth'"},
        {"[[task]]\nname = \"a\"\nrun = \"1 us\"", "3:7: run: '1 us' is not from 10 us to 600 s"},
        {"[[task]]\nname = \"a\"\nrun = { normal = \"1 ms\" }", "3:9: unknown key 'normal'"},
        {"[[task]]\nname = \"a\"\nrun = {}", "3:7: run must be a time, { uniform"},
        {"[[task]]\nname = \"a\"\nrun = { uniform = \"1 ms\" }", "3:19: run: uniform must be two"},
        {"[[task]]\nname = \"a\"\nrun = { uniform = [\"2 ms\", \"1 ms\"] }",
         "3:19: run: the first time must not be the longer one"},
        {"[[group]]\nname = \"g\"\nweight = 1\n" + hog, "3:10: weight: 1 is not from 2 to 262144"},
        {"[[group]]\nname = \"g\"\nperiod = \"10 ms\"\n" + hog, "3:10: period without a quota"},
        {"[[group]]\nname = \"g\"\nquota = \"101 ms\"\n" + hog,
         "3:9: quota: '101 ms' is not from 1 ms to 100 ms"},
        {"[[group]]\nname = \"g\"\nquota = \"1 ms\"\nburst = \"2 ms\"\n" + hog,
         "4:9: burst: '2 ms' is not from 0 ms to 1 ms"},
    };
    for (const auto& [text, message] : cases) {
        EXPECT_THAT(error_of(text), StartsWith(message)) << text;
    }
}

TEST(workload_file, an_error_is_one_line_that_moves_no_cursor) {
    const std::string error =
        error_of("duration = \"\\u001b[2J" + std::string(300, 'x') + "\"\n[[task]]\n");
    EXPECT_THAT(error, StartsWith("1:12: duration: '?[2Jxxx"));
    EXPECT_LT(error.size(), 120U);
}

TEST(workload_file, what_is_too_large_is_refused_unread) {
    EXPECT_THAT(error_of(std::string(longest_file + 1, '#')), HasSubstr("which no workload is"));
    std::string many;
    for (std::uint64_t i = 0; i <= most_tasks; ++i) {
        many += "[[task]]\n";
    }
    EXPECT_THAT(error_of(many), HasSubstr("there are more than 256 tasks"));
    EXPECT_THAT(error_of("x = " + std::string(100'000, '[')), StartsWith("1:"));
}

TEST(workload_file, what_is_nested_deeply_is_refused) {
    std::string path = "a";
    for (int i = 0; i < 500'000; ++i) {
        path += ".a";
    }
    for (const std::string& text : {path + " = 1", "[" + path + "]", "[[" + path + "]]"}) {
        EXPECT_THAT(error_of("\n" + text), StartsWith("2:1: more than 200 dots in a line"));
    }
    std::string tables = "1";
    for (int i = 0; i < 100; ++i) {
        tables = "{ a.a.a = " + tables + "}";
    }
    EXPECT_THAT(error_of("x = " + tables), HasSubstr("depth"));
}

TEST(workload_file, the_comment_at_the_head_is_kept) {
    EXPECT_EQ(head_comment_of("# SPDX-License-Identifier: Apache-2.0\n#\n# One\n# two.\n#\n# "
                              "Three.\n\n# not this\n"),
              "One two.\nThree.");
    EXPECT_EQ(head_comment_of("a = 1\n# no\n"), "");
    EXPECT_EQ(head_comment_of("#"), "");
}

TEST(bundled, each_is_right_and_says_what_to_look_for) {
    EXPECT_GE(bundled_workloads().size(), 6U);
    for (const bundled_workload& one : bundled_workloads()) {
        const auto work = parse_workload(one.text, one.name);
        ASSERT_TRUE(work) << work.error();
        EXPECT_EQ(work->name, one.name);
        EXPECT_NE(work->title, work->name);
        EXPECT_THAT(work->about, HasSubstr("Look at"));
        EXPECT_TRUE(find_bundled(one.name));
    }
    EXPECT_FALSE(find_bundled("none"));
}

/// Bytes are changed, removed, doubled and moved: whatever comes of it is a workload within its
/// bounds or an error of one line, and never a crash.
TEST(workload_file, survives_any_damage) {
    std::mt19937_64 random(1);
    const auto below = [&random](std::size_t n) { return static_cast<std::size_t>(random() % n); };
    constexpr std::string_view signs = "[]{}\"'=,.#\n\\ -_0123456789eE+:\t\xff\xc3";
    std::size_t good = 0;
    for (int round = 0; round < 4000; ++round) {
        const auto all = bundled_workloads();
        std::string text(all[below(all.size())].text);
        for (std::size_t i = 0, changes = 1 + below(4); i < changes && !text.empty(); ++i) {
            const std::size_t at = below(text.size());
            switch (below(4)) {
                case 0:
                    text[at] = signs[below(signs.size())];
                    break;
                case 1:
                    text.erase(at, 1 + below(20));
                    break;
                case 2:
                    text.insert(at, text.substr(below(text.size()), below(40)));
                    break;
                default:
                    text.insert(at, 1, static_cast<char>(below(256)));
            }
        }
        const auto work = parse_workload(text, "f");
        if (!work) {
            EXPECT_THAT(work.error(), StartsWith("f:"));
            EXPECT_EQ(work.error().find('\n'), std::string::npos) << work.error();
            continue;
        }
        ++good;
        EXPECT_LE(work->tasks.size(), most_tasks);
        EXPECT_LE(work->cpus, most_cpus);
        EXPECT_LE(work->duration, longest_duration);
        EXPECT_LE(work->shown.to, work->duration);
        EXPECT_LT(work->shown.from, work->shown.to);
    }
    EXPECT_GT(good, 100U) << "comments are damaged harmlessly";
}

}  // namespace
}  // namespace weft::sim
