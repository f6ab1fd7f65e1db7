// SPDX-License-Identifier: Apache-2.0
//
// Child processes, by fibers, coroutines and plain threads: what a child gets, how its end is
// reported, and that nothing of it is left: no zombie, no descriptor.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <weft/process.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <string>
#include <utility>
#include <vector>

#include "callers.h"
#include "sockets.h"
#include "temporary_folder.h"

namespace weft {
namespace {

using namespace std::chrono_literals;
using namespace testing;

process_options shell(std::string command) {
    return {.program = "sh", .arguments = {"-c", std::move(command)}};
}

/// Of `command`, as far as it goes to standard output.
std::string output_of(process_options options) {
    const auto done = run_process(std::move(options), {}, safety_net);
    EXPECT_TRUE(done) << done.error().message();
    return done ? done->output : "";
}

child_process spawned(const process_options& options) {
    auto child = spawn_process(options);
    EXPECT_TRUE(child) << child.error().message();
    return child ? std::move(*child) : child_process();
}

/// None is left, alive or dead.
void expect_no_children() {
    EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
    EXPECT_EQ(errno, ECHILD);
}

class Process : public OnEachCaller {
protected:
    void SetUp() override {
        // The runtime makes its descriptors when it needs them.
        (void)call(WEFT_BOTH(run_process(shell("exit 0"))));
        open_ = open_descriptors();
    }
    void TearDown() override {
        expect_no_children();
        if (who() != caller::thread) {
            EXPECT_EQ(open_descriptors(), open_);
        }
    }

private:
    std::size_t open_ = 0;
};
INSTANTIATE_TEST_SUITE_P(Callers, Process, each_caller, name_of_caller);

TEST_P(Process, ExitCodesAndSignals) {
    auto three = spawned(shell("exit 3"));
    const auto status = call(WEFT_BOTH_OF(three, wait, safety_net));
    ASSERT_TRUE(status);
    EXPECT_EQ(*status, exit_status::of_code(3));
    EXPECT_TRUE(status->exited() && !status->success() && !status->signalled());
    EXPECT_EQ(status->to_string(), "exited with code 3");
    EXPECT_EQ(*call(WEFT_BOTH_OF(three, wait)), *status) << "again";
    EXPECT_EQ(three.kill(SIGTERM).error(), std::errc::no_such_process);

    auto killed = spawned(shell("kill -KILL $$"));
    const auto how = call(WEFT_BOTH_OF(killed, wait, safety_net));
    EXPECT_EQ(*how, exit_status::of_signal(SIGKILL));
    EXPECT_TRUE(how->signalled() && !how->exited() && !how->success());
    EXPECT_EQ(how->to_string(), "killed by signal 9");
}

TEST_P(Process, WaitsUntilItEnds) {
    for (int i = 0; i < 10; ++i) {
        auto child = spawned({.program = "cat", .input = process_stream::pipe()});
        EXPECT_FALSE(*child.try_wait());
        auto waiting = start(WEFT_BOTH_OF(child, wait, safety_net));
        if (i % 2 == 0) {
            EXPECT_EQ(waiting.wait_for(1ms), std::future_status::timeout);
        }
        child.input().close();
        ASSERT_EQ(*waiting.get(), exit_status::of_code(0));
        EXPECT_TRUE(*child.try_wait());
    }
}

TEST_P(Process, SeveralWait) {
    auto child = spawned({.program = "cat", .input = process_stream::pipe()});
    auto one = start(WEFT_BOTH_OF(child, wait, safety_net));
    auto two = start(WEFT_BOTH_OF(child, wait, safety_net));
    auto three = start_as(caller::thread, WEFT_BOTH_OF(child, wait, safety_net));
    one.wait_for(1ms);
    EXPECT_TRUE(child.kill(SIGTERM));
    const auto expected = exit_status::of_signal(SIGTERM);
    EXPECT_EQ(*one.get(), expected);
    EXPECT_EQ(*two.get(), expected);
    EXPECT_EQ(*three.get(), expected);
}

TEST_P(Process, AWaitThatEndsEarly) {
    auto child = spawned({.program = "cat", .input = process_stream::pipe()});
    EXPECT_EQ(call(WEFT_BOTH_OF(child, wait, 2ms)).error(), std::errc::timed_out);
    std::stop_source stop;
    const bounds limits{.token = stop.get_token(), .until = {}};
    auto waiting = start_in(limits, WEFT_BOTH_OF(child, wait));
    waiting.wait_for(1ms);
    stop.request_stop();
    EXPECT_EQ(waiting.get().error(), std::errc::operation_canceled);
    EXPECT_TRUE(child.kill(SIGKILL));
    EXPECT_EQ(*call(WEFT_BOTH_OF(child, wait, safety_net)), exit_status::of_signal(SIGKILL));
}

TEST_P(Process, TalksThroughPipes) {
    auto child = spawned({.program = "cat",
                          .input = process_stream::pipe(),
                          .output = process_stream::pipe(),
                          .error = process_stream::null()});
    std::array<std::byte, 16> room{};
    EXPECT_TRUE(call(WEFT_BOTH_OF(child.input(), write, bytes_of("hello"), safety_net)));
    EXPECT_EQ(*call(WEFT_BOTH_OF(child.output(), read, room, safety_net)), 5u);
    EXPECT_FALSE(child.error().is_open());
    child.input().close();
    EXPECT_EQ(*call(WEFT_BOTH_OF(child.output(), read, room, safety_net)), 0u);
    EXPECT_TRUE(call(WEFT_BOTH_OF(child, wait, safety_net))->success());
}

TEST_P(Process, RunsAndGathers) {
    const std::string text = pattern(3'000'000);
    const auto copied = call(WEFT_BOTH(
        run_process({.program = "cat"}, {.input = text, .output_limit = text.size()}, safety_net)));
    ASSERT_TRUE(copied) << copied.error().message();
    EXPECT_EQ(copied->output, text);
    EXPECT_TRUE(copied->status.success());

    // Both pipes are filled, one after the other, before it reads anything.
    const std::string both = "head -c 300000 /dev/zero; head -c 300000 /dev/zero >&2; wc -c";
    const auto mixed = call(WEFT_BOTH(run_process(shell(both), {.input = text}, safety_net)));
    ASSERT_TRUE(mixed);
    EXPECT_EQ(mixed->output.substr(300'000), "3000000\n");
    EXPECT_EQ(mixed->error.size(), 300'000u);

    const auto deaf = call(WEFT_BOTH(run_process(shell("exit 5"), {.input = text}, safety_net)));
    ASSERT_TRUE(deaf) << "it reads nothing: " << deaf.error().message();
    EXPECT_EQ(deaf->status, exit_status::of_code(5));
    const auto empty = call(WEFT_BOTH(run_process({.program = "cat"}, {}, safety_net)));
    EXPECT_EQ(empty->output, "");
}

/// Nobody waits for one that has inherited the input, and reads none of it.
TEST_P(Process, ARunEndsThoughItsInputIsStillOpen) {
    const temporary_folder folder;
    const std::string fifo = folder / "end";
    ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
    const std::string text = pattern(300'000);
    const auto done = call(WEFT_BOTH(
        run_process(shell("exec 3<&0; cat " + fifo + " <&3 >/dev/null 2>&1 3<&- & exit 7"),
                    {.input = text}, 5s)));
    EXPECT_TRUE(done) << done.error().message();
    EXPECT_EQ(done ? done->status : exit_status::of_code(0), exit_status::of_code(7));
    const int leave = ::open(fifo.c_str(), O_WRONLY | O_CLOEXEC);
    ::close(leave);
}

TEST_P(Process, WhatEndsARun) {
    const std::string long_text(100'000, 'x');
    EXPECT_EQ(call(WEFT_BOTH(run_process(shell("cat; sleep 1000"),
                                         {.input = long_text, .output_limit = 99'999}, safety_net)))
                  .error(),
              errc::limit_exceeded);
    EXPECT_EQ(
        call(WEFT_BOTH(run_process({.program = "sleep", .arguments = {"1000"}}, {}, 10ms))).error(),
        std::errc::timed_out);
    EXPECT_EQ(
        call(WEFT_BOTH(run_process({.program = "yes"}, {.output_limit = 1ul << 33}, 5ms))).error(),
        std::errc::timed_out)
        << "writes all the time";
    EXPECT_EQ(
        call(WEFT_BOTH(run_process(shell("exec >&- 2>&-; exec sleep 1000"), {}, 10ms))).error(),
        std::errc::timed_out)
        << "has closed its output";
    std::stop_source stop;
    const bounds limits{.token = stop.get_token(), .until = {}};
    auto running =
        start_in(limits, WEFT_BOTH(run_process({.program = "yes"}, {.output_limit = 1ul << 33})));
    running.wait_for(1ms);
    stop.request_stop();
    EXPECT_EQ(running.get().error(), std::errc::operation_canceled);
}

TEST_P(Process, ItsGroupIsKilledWithIt) {
    process_options options = shell("sleep 1000 & echo $!; wait");
    options.new_group = true;
    options.output = process_stream::pipe();
    auto child = spawned(options);
    std::array<std::byte, 16> room{};
    ASSERT_GT(*child.output().read(room, safety_net), 0u);
    const pid_t grandchild = std::stoi(reinterpret_cast<const char*>(room.data()));
    EXPECT_EQ(::kill(grandchild, 0), 0);
    EXPECT_TRUE(child.kill_group(SIGKILL));
    EXPECT_EQ(*call(WEFT_BOTH_OF(child, wait, safety_net)), exit_status::of_signal(SIGKILL));
    EXPECT_EQ(*call(WEFT_BOTH_OF(child.output(), read, room, safety_net)), 0u)
        << "the other one has had it open";
    EXPECT_EQ(child.kill_group(SIGKILL).error(), std::errc::no_such_process);
    auto alone = spawned({.program = "true"});
    EXPECT_EQ(alone.kill_group(SIGKILL).error(), std::errc::invalid_argument);
}

TEST_P(Process, DestroyedWhileItRuns) {
    const auto spawn_and_drop = [] {
        auto child = spawned({.program = "sleep", .arguments = {"1000"}});
        child = spawned({.program = "sleep", .arguments = {"1000"}});
        return child.id() > 0;
    };
    EXPECT_TRUE(call(spawn_and_drop, [&]() -> task<bool> { co_return spawn_and_drop(); }));
    expect_no_children();
}

TEST_P(Process, CannotBeStarted) {
    const temporary_folder folder;
    const std::string text = folder.write("text", "no program");
    const auto failure = [&](const process_options& options) {
        return call([&] { return error_of(spawn_process(options)); },
                    [&]() -> task<std::error_code> { co_return error_of(spawn_process(options)); });
    };
    EXPECT_EQ(failure({.program = "weft-no-such-program"}), std::errc::no_such_file_or_directory);
    EXPECT_EQ(failure({}), std::errc::no_such_file_or_directory);
    EXPECT_EQ(failure({.program = text}), std::errc::permission_denied);
    ASSERT_EQ(::chmod(text.c_str(), 0700), 0);
    EXPECT_EQ(failure({.program = text}), std::errc::executable_format_error);
    EXPECT_EQ(failure({.program = "true", .working_directory = folder / "nowhere"}),
              std::errc::no_such_file_or_directory);
    EXPECT_EQ(failure({.program = "true", .more_environment = {"NOTHING"}}),
              std::errc::invalid_argument);
    EXPECT_EQ(failure({.program = "true", .arguments = {std::string("a\0b", 3)}}),
              std::errc::invalid_argument);
    EXPECT_EQ(failure({.program = "true", .output = process_stream::descriptor(1'000'000)}),
              std::errc::bad_file_descriptor);
    EXPECT_EQ(failure({.program = "true", .input = process_stream::same_as_output()}),
              std::errc::invalid_argument);
}

TEST_P(Process, NoDescriptorsLeft) {
    const auto fails = [] {
        std::vector<std::error_code> errors;
        const no_descriptors_left none;
        errors.push_back(error_of(spawn_process({.program = "true"})));
        errors.push_back(error_of(run_process({.program = "true"})));
        return errors;
    };
    expect_no_descriptors(call(fails, [&]() -> task<std::vector<std::error_code>> {
        std::vector<std::error_code> errors;
        const no_descriptors_left none;
        errors.push_back(error_of(spawn_process({.program = "true"})));
        const process_options named{.program = "true"};
        const auto failed = co_await co::run_process(named);
        errors.push_back(error_of(failed));
        co_return errors;
    }));
}

task<> sleep_in_coroutine() {
    const process_options named{.program = "sleep", .arguments = {"1000"}};  // see <weft/process.h>
    static_cast<void>(co_await co::run_process(named));
}

TEST_P(Process, StoppedAtTheFirstWait) {
    const auto body = [] {
        static_cast<void>(run_process({.program = "sleep", .arguments = {"1000"}}));
    };
    EXPECT_TRUE(call([&] { return stop_at_wait(1, body); },
                     [&] { return co::stop_at_wait(1, sleep_in_coroutine()); }));
    expect_no_children();
}

task<> run_in_coroutine(const std::string& text, bool& whole) {
    const process_options named{.program = "cat"};  // g++ 12, see <weft/process.h>
    const auto done = co_await co::run_process(named, {.input = text});
    whole = done && done->output == text && done->status.success();
}

TEST_P(Process, StoppedAtTheNthWaitForAllN) {
    const std::string text = pattern(300'000);
    std::uint64_t n = 0;
    bool stopped = true;
    while (stopped) {  // how often depends on who is quicker: cat may be ahead throughout
        ASSERT_LT(++n, 10'000u);
        bool whole = false;
        const auto body = [&] {
            const auto done = run_process({.program = "cat"}, {.input = text});
            whole = done && done->output == text && done->status.success();
        };
        stopped = call([&] { return stop_at_wait(n, body); },
                       [&] { return co::stop_at_wait(n, run_in_coroutine(text, whole)); });
        // A stop at the last wait may find that there is nothing to wait for any more.
        EXPECT_TRUE(stopped || whole);
        expect_no_children();
    }
}

TEST(ProcessSetting, StreamsFromDescriptors) {
    const temporary_folder folder;
    const std::string path = folder.write("file", "from a file");
    const int in = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    const int out = ::open((folder / "out").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    process_options options = shell("cat; echo problem >&2");
    options.input = process_stream::descriptor(in);
    options.output = process_stream::descriptor(out);
    options.error = process_stream::same_as_output();
    EXPECT_TRUE(spawned(options).wait(safety_net)->success());
    std::string text(64, '\0');
    text.resize(static_cast<std::size_t>(::pread(out, text.data(), text.size(), 0)));
    EXPECT_EQ(text, "from a fileproblem\n");
    ::close(in);
    ::close(out);
    // Numbers that are streams themselves, the wrong way round.
    auto swapped = shell("readlink /proc/self/fd/1 /proc/self/fd/2");
    swapped.input = process_stream::null();
    swapped.output = process_stream::pipe();
    swapped.error = process_stream::descriptor(STDIN_FILENO);
    auto child = spawned(swapped);
    std::string seen(256, '\0');
    EXPECT_GT(*child.output().read(std::as_writable_bytes(std::span(seen)), safety_net), 0u);
    std::string standard_input(256, '\0');
    standard_input.resize(static_cast<std::size_t>(std::max<ssize_t>(
        ::readlink("/proc/self/fd/0", standard_input.data(), standard_input.size()), 0)));
    EXPECT_NE(seen.find("\n" + standard_input + "\n"), std::string::npos) << seen;
    EXPECT_TRUE(child.wait(safety_net));
}

TEST(ProcessSetting, EnvironmentAndFolder) {
    ::setenv("WEFT_TEST_A", "old", 1);
    auto options = shell("echo $WEFT_TEST_A $WEFT_TEST_B; pwd");
    options.more_environment = {"WEFT_TEST_A=new", "WEFT_TEST_B=more=so"};
    options.working_directory = "/";
    EXPECT_EQ(output_of(options), "new more=so\n/\n");
    EXPECT_EQ(output_of({.program = "env", .environment = {{"ONLY=this"}}}), "ONLY=this\n");
    EXPECT_EQ(output_of(shell("echo $WEFT_TEST_A")), "old\n");
    ::unsetenv("WEFT_TEST_A");
}

/// Whatever the process that starts it ignores and blocks, and whoever calls.
TEST(ProcessSetting, SignalsAreAsUsual) {
    struct sigaction ignored{};
    struct sigaction before{};
    ignored.sa_handler = SIG_IGN;
    ASSERT_EQ(::sigaction(SIGTERM, &ignored, &before), 0);
    sigset_t user;
    ::sigemptyset(&user);
    ::sigaddset(&user, SIGUSR1);
    ASSERT_EQ(::pthread_sigmask(SIG_BLOCK, &user, nullptr), 0);
    const process_options options{.program = "grep",
                                  .arguments = {"-E", "Sig(Blk|Ign)", "/proc/self/status"}};
    const std::string none = "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n";
    EXPECT_EQ(output_of(options), none);
    EXPECT_EQ(run([&] { return output_of(options); }), none);
    ::pthread_sigmask(SIG_UNBLOCK, &user, nullptr);
    ::sigaction(SIGTERM, &before, nullptr);
}

TEST(ProcessSetting, NoOtherDescriptors) {
    const int forgotten = ::open("/dev/null", O_RDONLY);
    // The last one is that with which it reads the folder.
    EXPECT_EQ(output_of({.program = "ls", .arguments = {"/proc/self/fd"}}), "0\n1\n2\n3\n");
    ::close(forgotten);
}

TEST(ProcessSetting, TimersHaveTheUsualSlack) {
    const std::string mine =
        output_of({.program = "cat", .arguments = {"/proc/self/timerslack_ns"}});
    EXPECT_EQ(run([] {
                  return output_of({.program = "cat", .arguments = {"/proc/self/timerslack_ns"}});
              }),
              mine);
}

TEST(ProcessMany, AtOnce) {
    runtime home({.workers = 2});
    home.run([] {
        with_scope([](scope& s) {
            for (int i = 0; i < 20; ++i) {
                s.spawn([i] {
                    const std::string text = pattern(10'000 + static_cast<std::size_t>(i));
                    const auto done = run_process({.program = "cat"}, {.input = text}, safety_net);
                    EXPECT_EQ(done->output, text);
                });
            }
        });
    });
    expect_no_children();
}

TEST(ProcessNone, AnswersAll) {
    child_process none;
    EXPECT_EQ(none.wait().error(), std::errc::no_child_process);
    EXPECT_EQ(none.try_wait().error(), std::errc::no_child_process);
    EXPECT_EQ(none.kill(SIGTERM).error(), std::errc::no_such_process);
    EXPECT_EQ(none.kill_group(SIGTERM).error(), std::errc::no_such_process);
    EXPECT_EQ(none.id(), 0);
    EXPECT_EQ(none.native_handle(), -1);
}

}  // namespace
}  // namespace weft
